# syntax=docker/dockerfile:1
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=dev
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=${VERSION}" -o /out/lazaret ./cmd/lazaret \
 && mkdir -p /out/data

FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /out/lazaret /usr/local/bin/lazaret
COPY --from=build --chown=nonroot:nonroot /out/data /var/lib/lazaret
COPY deploy/lazaret.container.yaml /etc/lazaret/lazaret.yaml
VOLUME /var/lib/lazaret
EXPOSE 8080
USER nonroot
ENTRYPOINT ["/usr/local/bin/lazaret"]
CMD ["serve", "--config", "/etc/lazaret/lazaret.yaml"]
