# Tercet on CPUs. Build in a checkout: docker build -t tercet:0.1.0 .
# Pin the base by digest in CI: --build-arg BASE=docker.io/library/python:3.11.14-slim-bookworm@sha256:…
ARG BASE=docker.io/library/python:3.11.14-slim-bookworm

FROM ${BASE} AS build
# PyTorch's CPU wheels are on an index of their own.
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /src
RUN python -m venv /opt/venv
# Every version is exact and nothing is resolved anew, so that an image holds what was tested.
COPY requirements/cpu.txt requirements/
RUN /opt/venv/bin/pip install --no-deps --no-compile --extra-index-url "${TORCH_INDEX}" -r requirements/cpu.txt
COPY pyproject.toml README.md LICENSE ./
COPY cluster cluster
COPY deployments deployments
COPY autoscale autoscale
# Not in place: the source is not in the image. Bytecode is compiled now, since no container may write it.
RUN /opt/venv/bin/pip install --no-deps --no-build-isolation . \
    && (/opt/venv/bin/python -m compileall -qq -j 0 -x '/(tests?|testing|_vendor/.*tests)/' /opt/venv/lib || true)
COPY docker/haproxy.py docker/
RUN /opt/venv/bin/python docker/haproxy.py /opt/tercet

FROM build AS sbom
RUN python -m venv /opt/sbom \
    && /opt/sbom/bin/pip install cyclonedx-bom==7.5.0 \
    && /opt/sbom/bin/cyclonedx-py environment /opt/venv/bin/python --output-file /opt/tercet/sbom.cdx.json

FROM ${BASE}
# libnuma for vLLM's kernels, tcmalloc for their speed; versions are the base image's own snapshot of Debian.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends libnuma1 libtcmalloc-minimal4 \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 1000 tercet && useradd --uid 1000 --gid 1000 --home-dir /tmp --no-create-home --shell /bin/bash tercet
COPY --from=build /opt/venv /opt/venv
# A login shell, which operators may start Ray with, forgets the PATH below.
RUN ln -s /opt/venv/bin/ray /opt/venv/bin/tercet /usr/local/bin/
COPY --from=sbom /opt/tercet /opt/tercet
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HOME=/tmp
WORKDIR /tmp
USER 1000:1000
ENTRYPOINT []
CMD ["tercet", "--help"]
