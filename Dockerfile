# The proxy, statically linked, in an image without a shell.
FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags="-s -w" -o /out/shockabsorber ./cmd/shockabsorber \
 && CGO_ENABLED=0 go build -trimpath -ldflags="-s -w" -o /out/test-server ./cmd/test-server

FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /out/shockabsorber /out/test-server /usr/local/bin/
COPY compose.toml /etc/shock-absorber/config.toml
EXPOSE 3307 8080
USER nonroot:nonroot
ENTRYPOINT ["/usr/local/bin/shockabsorber"]
CMD ["serve", "--config", "/etc/shock-absorber/config.toml"]
