# Two stages: the first installs guardproxy into a virtual environment, the second holds nothing but that and Python.
#   docker build -t guardproxy .
#   docker run -p 8080:8080 -e OPENAI_API_KEY -e GUARDPROXY_KEY --read-only -v incidents:/var/lib/guardproxy guardproxy
# PYTHON_IMAGE may be pinned by digest: --build-arg PYTHON_IMAGE=python:3.13-slim@sha256:...
ARG PYTHON_IMAGE=python:3.13-slim

FROM ${PYTHON_IMAGE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY policies policies
COPY guardproxy guardproxy
# Without the installer: nothing in the image can install anything.
RUN python -m venv --without-pip /opt/guardproxy \
    && python -m pip --python /opt/guardproxy/bin/python install '.[fast,oidc,pii,redis]'

FROM ${PYTHON_IMAGE}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="guardproxy" \
      org.opencontainers.image.description="An LLM guardrail reverse proxy" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
ENV PATH=/opt/guardproxy/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
# The one place it writes to: the file of incidents, and the record of the admin API. Everything else may be mounted read-only.
RUN install -d -o 65532 -g 65532 -m 0700 /var/lib/guardproxy
COPY --from=build /opt/guardproxy /opt/guardproxy
USER 65532:65532
WORKDIR /var/lib/guardproxy
EXPOSE 8080
# Settings, if there are any, are mounted and named by GUARDPROXY_CONFIG; a health check finds the port in them too.
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 CMD ["guardproxy", "health"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["guardproxy"]
CMD ["serve", "--host", "0.0.0.0"]
