"""Photographs that installed packages contain, and the ImageNet classes that they show.

The classes were stated from what a person sees in the picture before the network ran on it, and
committed before its code; they are not changed to fit its predictions. Not listed are pictures for
which ImageNet has no class (coins, textures, maps) or that a person does not recognise either
(`clock_motion.png`).
"""

from dataclasses import dataclass
from importlib.metadata import distribution
from pathlib import Path

_FOLDERS = {
    "scikit-image": "skimage/data",
    "scikit-learn": "sklearn/datasets/images",
    "matplotlib": "matplotlib/mpl-data/sample_data",
}


@dataclass(frozen=True)
class Photograph:
    """A picture and the classes of which one should be among the first five predictions.

    Attributes:
        package: the distribution that contains it.
        file: its name there.
        classes: acceptable ImageNet labels.
        shows: what a person sees, and the reason where the classes are debatable.
    """

    package: str
    file: str
    classes: frozenset[str]
    shows: str

    @property
    def path(self) -> Path:
        """Return the path of the installed file."""
        return Path(str(distribution(self.package).locate_file(_FOLDERS[self.package]))) / self.file


PHOTOGRAPHS = [
    Photograph(package, file, frozenset(classes), shows)
    for package, file, classes, shows in (
        (
            *("scikit-image", "chelsea.png", ("tabby", "tiger cat", "Egyptian cat")),
            "a brown tabby cat; ImageNet divides such cats among three classes",
        ),
        (
            *("scikit-image", "coffee.png", ("espresso", "cup", "coffee mug")),
            "a cup of espresso on a saucer",
        ),
        (
            *("scikit-image", "motorcycle_left.png", ("moped", "motor scooter")),
            "a motorcycle; ImageNet has none, so the two-wheelers with a motor",
        ),
        (
            *("scikit-image", "rocket.jpg", ("missile", "projectile", "space shuttle")),
            "a rocket on its launch pad; ImageNet has no carrier rocket",
        ),
        (
            *("scikit-image", "astronaut.png", ("space shuttle", "crash helmet")),
            "an astronaut with a model of the shuttle and a helmet; ImageNet has no astronaut",
        ),
        (
            *("scikit-image", "camera.png", ("tripod", "reflex camera")),
            "a man behind a film camera on a tripod, in grey; ImageNet has no film camera",
        ),
        (
            *("scikit-image", "horse.png", ("sorrel",)),
            "the silhouette of a horse; a sorrel is the only horse alone in ImageNet",
        ),
        (
            *("scikit-learn", "china.jpg", ("stupa", "palace")),
            "a pagoda of the Summer Palace in Beijing; ImageNet has no pagoda",
        ),
        (
            *("scikit-learn", "flower.jpg", ("daisy",)),
            "a dahlia; ImageNet has none, so the one flower of its family",
        ),
        (
            *("matplotlib", "grace_hopper.jpg", ("military uniform",)),
            "Rear Admiral Grace Hopper in uniform",
        ),
    )
]
