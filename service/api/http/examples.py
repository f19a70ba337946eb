"""Examples of parameters and request bodies for the OpenAPI document."""

from typing import Any

# a 7, PNG, 28 × 28
SEVEN = (
    "iVBORw0KGgoAAAANSUhEUgAAABwAAAAcCAAAAABXZoBIAAAAxUlEQVR4nGNgGDaAEUKFpD77sfTFHeyS9xQYGBg+"
    "X4UKPuk6w8DAwMDAAuGm6l/TMnSweCzLwPDntSTDozPIOhkYGBgYBA3PmDIw/Lh1XShnGi5nBP+9KIRLTuzl/2Ao"
    "kwlDMlv0/U1cGq1//rPDJcfQ+m83Ky45zrM/rHBqrPu3Daec9+8PlrjkhO/+W4ZLjvn0v9vKuCTV/v3zxSUn/+Bf"
    "MSMuydZ//0xwydl+QpdEClsbHoa7X1AkWZA5F53f4TIWEwAAaRE8kJuHrgAAAAAASUVORK5CYII="
)
PARAMETERS: dict[str, Any] = {
    "name": "mnist",
    "model": "mnist",
    "version": 1,
    "layer": "conv2d",
    "layers": "conv2d,dense",
    "channel": 3,
    "channels": "0-7,12",
    "row": 5,
    "column": 12,
    "top_k": 3,
}


def with_example(parameter: dict[str, Any]) -> dict[str, Any]:
    """Return a parameter with its example, if it has one."""
    name = parameter["name"]
    return {**parameter, "example": PARAMETERS[name]} if name in PARAMETERS else parameter


def body(path: str) -> dict[str, Any]:
    """Return an example of the JSON body of a path."""
    if path.startswith("/v2/"):
        tensor = {"name": "image", "shape": [1], "datatype": "BYTES", "data": [SEVEN]}
        return {"inputs": [tensor]}
    if path.startswith("/v1/"):
        return {"instances": [{"b64": SEVEN}]}
    return {"image": SEVEN}
