# The engine alone; docker-compose.yml adds Redis and Postgres.
FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
RUN cargo build --release --locked --package dropgate

FROM debian:bookworm-slim
# Webhooks, brokers and a collector of traces are reached by TLS.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
RUN useradd --system --uid 10001 --no-create-home dropgate
COPY --from=build /src/target/release/dropgate /usr/local/bin/dropgate
USER 10001
ENV DROPGATE_LISTEN=0.0.0.0:8080
EXPOSE 8080
ENTRYPOINT ["dropgate"]
CMD ["serve"]
