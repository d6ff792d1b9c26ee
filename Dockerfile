# The image holds one static binary and nothing else: no shell, no package manager, no root user.
# Certificates and time zones are compiled in.
ARG BUILD_IMAGE=docker.io/library/golang:1.26
FROM ${BUILD_IMAGE} AS build
WORKDIR /src
# Modules first: they change rarely, so their layer is kept.
COPY go.mod go.sum ./
RUN go mod download
COPY . .
# /out is copied as a whole, so that the empty /data comes along with its owner.
RUN CGO_ENABLED=0 go build -trimpath -ldflags="-s -w" -o /out/checkout ./cmd/checkout && mkdir -p /out/data

FROM scratch
COPY --from=build --chown=65532:65532 /out/ /
USER 65532:65532
ENV CHECKOUT_ADDR=0.0.0.0:8080 \
    CHECKOUT_DATABASE_URL=sqlite:/data/checkout.db
VOLUME /data
WORKDIR /data
EXPOSE 8080
STOPSIGNAL SIGTERM
ENTRYPOINT ["/checkout"]
CMD ["serve"]
