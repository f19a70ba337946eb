# Three images: `service` serves, without TensorFlow; `bulk` labels many images on a Ray cluster; `training`
# trains and exports bundles, on a GPU if the host has one. docs/deployment.md describes how to run them.
FROM python:3.11-slim-bookworm AS base
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
WORKDIR /app


# lists an image's Python packages, in an environment that no image contains
FROM base AS audit
COPY requirements/audit.txt requirements/
RUN python -m venv /opt/audit \
    && /opt/audit/bin/pip install --no-cache-dir --only-binary=:all: --require-hashes -r requirements/audit.txt


FROM base AS service-files
COPY requirements/service.txt requirements/
# --without-pip, because the image that serves installs nothing
RUN python -m venv --without-pip /opt/venv \
    && pip --python /opt/venv/bin/python install --no-cache-dir --no-compile --only-binary=:all: \
       --require-hashes -r requirements/service.txt
# The service uses neither the libraries' tests nor the drivers of accelerators.
ARG LITERT=/opt/venv/lib/python3.11/site-packages/ai_edge_litert
RUN find /opt/venv/lib/python3.11/site-packages/numpy -type d -name tests -prune -exec rm -r {} + \
    && rm -r "$LITERT/libLiteRtWebGpuAccelerator.so" "$LITERT/tools" "$LITERT/vendors"
# unchecked-hash: an import compares no dates, because no file of an image changes
RUN python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/venv/lib
# The software bill of materials, validated against CycloneDX's schema.
RUN --mount=from=audit,source=/opt/audit,target=/opt/audit \
    /opt/audit/bin/cyclonedx-py environment --output-reproducible -o /opt/venv/sbom.cdx.json /opt/venv
COPY LICENSE ./
COPY models models
COPY service service
RUN rm -r requirements \
    && python -m compileall -q --invalidation-mode unchecked-hash service \
    && chmod -R a+rX /app


FROM base AS service
COPY --from=service-files /opt/venv /opt/venv
COPY --from=service-files /app /app
ENV HOST=0.0.0.0 \
    PORT=8000
# a number, so that Kubernetes can verify that the user is not root
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM
# A bare socket, because importing an HTTP client takes several times as long, every five seconds.
HEALTHCHECK --interval=5s --timeout=3s --start-period=30s --retries=3 CMD ["python", "-ISc", "\
import os, socket; \
s = socket.create_connection(('127.0.0.1', int(os.environ['PORT'])), 2); \
s.sendall(b'GET /readyz HTTP/1.0\\r\\n\\r\\n'); \
raise SystemExit(b' 200 ' not in s.recv(64))"]
# gunicorn is process 1: it handles signals and reaps its workers
CMD ["python", "-m", "service"]
# last, so that a new revision rebuilds no other layer
ARG VERSION=dev
ARG REVISION=unknown
LABEL org.opencontainers.image.title="ConvScope" \
      org.opencontainers.image.description="A CNN server that you can see through" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.base.name="docker.io/library/python:3.11-slim-bookworm" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION"


FROM base AS bulk
COPY --from=service-files /opt/venv /opt/venv
# in a layer between those of `service`, so that a change of the code does not install Ray again
COPY requirements/ray.txt requirements/
ARG PACKAGES=/opt/venv/lib/python3.11/site-packages
RUN --mount=from=audit,source=/opt/audit,target=/opt/audit \
    pip --python /opt/venv/bin/python install --no-cache-dir --only-binary=:all: \
       --require-hashes -r requirements/ray.txt \
    && /opt/audit/bin/cyclonedx-py environment --output-reproducible -o /opt/venv/sbom.cdx.json /opt/venv \
    && rm -r requirements "$PACKAGES/pandas/tests" "$PACKAGES/pyarrow/include" "$PACKAGES/pyarrow/tests" \
       "$PACKAGES/ray/jars" "$PACKAGES/ray/rllib"
COPY --from=service-files /app /app
# Ray writes its logs and sockets into /tmp/ray and its objects into /dev/shm
ENV HOME=/tmp \
    RAY_USAGE_STATS_ENABLED=0
USER 10001:10001
ENTRYPOINT ["python", "-m", "service.bulk"]


FROM base AS training
# training-gpu includes CUDA's libraries, `training` does not
ARG REQUIREMENTS=training-gpu
COPY requirements/${REQUIREMENTS}.txt requirements/
RUN python -m venv --without-pip /opt/venv \
    && pip --python /opt/venv/bin/python install --no-cache-dir --only-binary=:all: \
       --require-hashes -r "requirements/${REQUIREMENTS}.txt"
# The NVIDIA runtime mounts the driver. CUDA is installed by pip, in folders of which TensorFlow searches
# only some (tensorflow#63362).
ENV NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility \
    NVIDIA=/opt/venv/lib/python3.11/site-packages/nvidia
ENV PATH=$PATH:$NVIDIA/cuda_nvcc/bin \
    LD_LIBRARY_PATH=$NVIDIA/cublas/lib:$NVIDIA/cuda_cupti/lib:$NVIDIA/cuda_nvrtc/lib:$NVIDIA/cuda_runtime/lib:$NVIDIA/cudnn/lib:$NVIDIA/cufft/lib:$NVIDIA/curand/lib:$NVIDIA/cusolver/lib:$NVIDIA/cusparse/lib:$NVIDIA/nccl/lib:$NVIDIA/nvjitlink/lib
COPY LICENSE ./
COPY service service
COPY training training
# writable by every user, because the owner of the host's folders is the user; caches are in HOME
RUN chmod -R a+rX /app && mkdir data runs models && chmod 1777 data runs models
ENV HOME=/tmp
USER 10001:10001
# without arguments as `make train`; with some, that command, such as `export files/mine.keras`
ENTRYPOINT ["python", "-m", "training"]
