# The static binary and nothing else. Build: docker build -t b2bua .
#
# Run it with --network host: a SIP and RTP server needs the real addresses of
# its peers, and publishing thousands of UDP ports is slow.
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download && go mod verify
COPY . .
ARG VERSION=dev
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=${VERSION}" -o /out/b2bua ./cmd/b2bua \
 && mkdir -p /out/data

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/b2bua /b2bua
# Owned by the user that runs: a new volume takes over the owner.
COPY --from=build --chown=65534:65534 /out/data /data
USER 65534:65534
WORKDIR /
# Database, journal and admin token, by the defaults' relative paths.
VOLUME /data
# The first TERM drains; a second one ends the calls.
STOPSIGNAL SIGTERM
ENTRYPOINT ["/b2bua"]
CMD ["serve"]
