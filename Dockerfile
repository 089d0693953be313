# jobd in a small image: Debian, Deno, the bundled program. No Node.js, no npm, no sources, nothing to download at the start.

FROM node:22.16.0-bookworm-slim AS build
WORKDIR /build
RUN npm install --prefix /opt/deno --no-fund --no-audit deno@2.9.6
ENV PATH=/opt/deno/node_modules/.bin:$PATH
# The dependencies first: a change of the sources alone does not download them again.
COPY deno.json deno.lock ./
RUN deno install --frozen
COPY main.ts ./
COPY src ./src
COPY migrations ./migrations
RUN deno run --frozen --allow-read --allow-write --allow-env --allow-run \
      src/packaging/install.ts /opt/jobd

FROM debian:12.11-slim
# tini is process 1: it passes signals on and clears away what ended jobs leave behind.
RUN apt-get update \
 && apt-get install --yes --no-install-recommends tini \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --uid 10001 --create-home --shell /usr/sbin/nologin jobd \
 && install --directory --owner=jobd --group=jobd --mode=0750 /data
COPY --from=build /opt/jobd /opt/jobd
ENV PATH=/opt/jobd:$PATH \
    DATABASE_URL=sqlite:/data/jobd.db
USER jobd
WORKDIR /data
VOLUME /data
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=10s --start-period=15s --retries=3 CMD ["jobd", "doctor", "--expect-worker"]
ENTRYPOINT ["/usr/bin/tini", "--", "jobd"]
CMD ["start"]
