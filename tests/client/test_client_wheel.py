"""The distribution `convscope-client`, installed as users install it."""

import subprocess
import sys
import venv

from service.version import VERSION
from tests.conftest import ROOT


def test_the_wheel_works_in_an_empty_environment(server, tmp_path):
    """The wheel installs with its dependencies; the command and Python query a service."""
    wheel = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(tmp_path)]
    subprocess.run([*wheel, str(ROOT / "client")], check=True)
    (file,) = tmp_path.glob("*.whl")
    assert file.name == f"convscope_client-{VERSION}-py3-none-any.whl"
    environment = tmp_path / "environment"
    venv.create(environment, with_pip=True)
    install = [environment / "bin" / "pip", "install", "-q", "--disable-pip-version-check", file]
    subprocess.run(install, check=True)
    image = str(ROOT / "tests" / "seven.png")
    code = f"""
from convscope_client import Client, DenseTrace
with Client({server!r}) as client:
    trace = client.explain({image!r}, "dense_1", 7).trace
    print(client.predict({image!r}).label, isinstance(trace, DenseTrace))
"""
    command = ["predict", image, "--url", server]
    outputs = [
        subprocess.check_output(
            [environment / "bin" / program, *arguments], cwd=tmp_path, text=True
        )
        for program, arguments in (
            ("convscope", command),
            ("python", ["-m", "convscope_client", *command]),
            ("python", ["-c", code]),
        )
    ]
    assert outputs[0].split()[-2] == outputs[1].split()[-2] == "7"
    assert outputs[2] == "7 True\n"
