# Orchestrator, intake, gateway, dashboard and the command line in one image; the command chooses.
# Context: staged by scripts/build-images.sh: base/ is Bun and the packages, rootfs/ is our code.
FROM debian:trixie-slim
# The same line in worker and service: one layer for both.
RUN apt-get update \
  && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends git ca-certificates \
  && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/* /usr/share/doc/* /usr/share/man/* /usr/share/locale/*
RUN useradd --uid 10002 --user-group --create-home factory \
  && install -d -o factory -g factory /data /run/factory
COPY base/ /
COPY rootfs/ /
ENV PATH=/app/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    DATA_DIR=/data \
    LANG=C.UTF-8
LABEL factory.image=service
USER factory
WORKDIR /app
CMD ["bun", "packages/orchestrator/src/main.ts"]
