# PostgreSQL 17 with pgvector for tests, from Debian's own packages. The compose file uses the
# public pgvector image instead.
FROM debian:trixie-slim
RUN apt-get update \
  && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends postgresql-17 postgresql-17-pgvector \
  && rm -rf /var/lib/apt/lists/* /var/lib/postgresql/17/main /usr/share/doc/* /usr/share/man/*
ENV PATH=/usr/lib/postgresql/17/bin:$PATH PGDATA=/var/lib/postgresql/data LANG=C.UTF-8
USER postgres
# The cluster is made at build time: a container is ready in a second.
RUN printf postgres > /tmp/password \
  && initdb --auth=scram-sha-256 --username=postgres --pwfile=/tmp/password --encoding=UTF8 --locale=C.UTF-8 \
  && rm /tmp/password \
  && printf 'host all all all scram-sha-256\n' >> "$PGDATA/pg_hba.conf" \
  && printf "listen_addresses = '*'\nunix_socket_directories = '/tmp'\n" >> "$PGDATA/postgresql.conf"
EXPOSE 5432
# Fast shutdown; SIGTERM would wait for every client to go.
STOPSIGNAL SIGINT
ENTRYPOINT ["postgres"]
