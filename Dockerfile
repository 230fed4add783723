# One image for every role of docker-compose.yml; as it is, the console. No compiler, no root, nothing written but the home.
FROM python:3.12.11-slim-bookworm AS packages
COPY requirements.lock /
RUN python -m venv /opt/venv \
 && /opt/venv/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes --no-deps -r /requirements.lock \
 && /opt/venv/bin/pip uninstall --yes --quiet pip

FROM python:3.12.11-slim-bookworm
# unixodbc: pyodbc does not import without it
RUN apt-get update \
 && apt-get install --yes --no-install-recommends unixodbc \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --uid 10001 --no-create-home --home-dir /var/lib/crosstie crosstie \
 && install --directory --owner=crosstie --group=crosstie --mode=0700 /var/lib/crosstie \
 && install --directory /etc/crosstie/systems
COPY --from=packages /opt/venv /opt/venv
COPY . /opt/crosstie
# a checkout made under umask 077 would be root's alone
RUN chmod -R a+rX /opt/crosstie \
 && echo /opt/crosstie >"$(/opt/venv/bin/python -c 'import site; print(site.getsitepackages()[0])')/crosstie.pth" \
 && printf '#!/bin/sh\nexec /opt/venv/bin/python -P -m cli "$@"\n' >/usr/local/bin/crosstie \
 && chmod 0755 /usr/local/bin/crosstie \
 && /opt/venv/bin/python -m compileall -q /opt/crosstie
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    CROSSTIE_CONFIG=/etc/crosstie \
    CROSSTIE_HOME=/var/lib/crosstie \
    CROSSTIE_LOG=stderr \
    PREFECT_HOME=/tmp/prefect
USER crosstie
WORKDIR /var/lib/crosstie
VOLUME /var/lib/crosstie
EXPOSE 8400
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
  CMD ["python", "/opt/crosstie/deploy/healthy.py", "http://127.0.0.1:8400/health"]
CMD ["python", "-m", "console", "--host", "0.0.0.0", "--port", "8400"]
