# A worker: Debian, git, and our tools in /opt/factory. Context: staged by scripts/build-images.sh with
# every file as it shall be, so that no layer holds one twice (a chmod in a RUN would copy 300 MB of
# binaries again): base/ changes with versions, rootfs/ with our code.
FROM debian:trixie-slim
# The same line in worker and service: one layer for both.
RUN apt-get update \
  && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends git ca-certificates \
  && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/* /usr/share/doc/* /usr/share/man/* /usr/share/locale/*
RUN useradd --uid 10001 --user-group --create-home --shell /bin/bash worker \
  && install -d -o worker -g worker /workspace /cache
COPY base/ /
COPY rootfs/ /
# Root's settings of Claude Code: neither a repository nor an agent can take the question before an edit away.
RUN /opt/factory/bin/ralph managed-settings --install
ENV PATH=/opt/factory/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    HOME=/home/worker \
    LANG=C.UTF-8
# By which scripts/build-images.sh finds what it may throw away.
LABEL factory.image=worker
USER worker
WORKDIR /workspace
ENTRYPOINT ["/opt/factory/bin/worker"]
