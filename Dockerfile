# The search service on a CPU, without torch: for lrem-small and other exported checkpoints.
#   docker build -t lrem .
#   docker run -p 127.0.0.1:8080:8080 -e LREM_API_KEYS=... -e LREM_URI=http://milvus:19530 lrem

FROM python:3.12-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src
RUN python -m venv /opt/lrem
# Its own layer, which a change of the code leaves as it is.
COPY pyproject.toml deploy/requirements.py ./
RUN python requirements.py pyproject.toml > requirements.txt \
    && /opt/lrem/bin/pip install --only-binary=:all: -r requirements.txt
COPY . .
# requirements.py says what is left out on purpose.
RUN /opt/lrem/bin/pip install --no-deps .

FROM python:3.12-slim
RUN useradd --system --uid 10001 --user-group --no-create-home lrem \
    && install -d -o lrem -g lrem /var/lib/lrem
COPY --from=build /opt/lrem /opt/lrem
ENV PATH=/opt/lrem/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    HF_HUB_OFFLINE=1 \
    LREM_CACHE_DIR=/var/lib/lrem/cache
USER 10001:10001
WORKDIR /var/lib/lrem
# The thought cache, and a Milvus Lite file where no server is named.
VOLUME /var/lib/lrem
EXPOSE 8080
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/readyz', timeout=4)"]
ENTRYPOINT ["lrem"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8080"]
