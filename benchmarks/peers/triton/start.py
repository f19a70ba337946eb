"""Starts the Triton server that pytriton carries, with a model for its Python backend.

pytriton's own `bind` passes each request on to another process, which made it eight times slower.
"""

import os
import shutil
import sys
import sysconfig
import tempfile
from pathlib import Path

HERE = Path(__file__).parent


def main(port: str, instances: str = "1") -> None:
    """Lay the backend and the model out as Triton looks for them, then become the server."""
    packages = Path(sysconfig.get_path("purelib"))
    triton = packages / "pytriton" / "tritonserver"
    backends = Path(tempfile.gettempdir()) / "convscope-bench-triton"
    shutil.copytree(triton / "backends", backends, dirs_exist_ok=True)
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    stub = triton / "python_backend_stubs" / version / "triton_python_backend_stub"
    shutil.copy(stub, backends / "python")
    models = shutil.copytree(HERE / "models", backends / "models", dirs_exist_ok=True)
    config = models / "digits" / "config.pbtxt"
    config.write_text(config.read_text().replace("count: 1", f"count: {instances}"))
    command = [
        *(str(triton / "bin" / "tritonserver"), "--model-repository", str(models)),
        *("--backend-directory", str(backends), "--http-address", "127.0.0.1"),
        *("--http-port", port, "--allow-grpc", "false", "--allow-metrics", "false"),
    ]
    environ = {
        **os.environ,
        "LD_LIBRARY_PATH": str(packages / "nvidia_pytriton.libs"),
        "PYTHONPATH": f"{packages}:{os.environ['PYTHONPATH']}",
    }
    os.execve(command[0], command, environ)  # noqa: S606


if __name__ == "__main__":
    main(*sys.argv[1:])
