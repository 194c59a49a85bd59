#!/bin/bash
# Build an OpenTelemetry Collector with the kafka exporter from its Go modules, and run test_collector.py with it.
# Three CPU minutes and 2 GB of modules the first time, so it is not part of `make test`. Needs Go 1.25 or later.
set -euo pipefail
cd "$(dirname "$0")/../.."
VERSION=v0.155.0
FOLDER=$PWD/.tools/otelcol
if [ ! -x "$FOLDER/otelcol" ]; then
  mkdir -p "$FOLDER"
  export GOPATH=$FOLDER/go GOCACHE=$FOLDER/cache GOFLAGS=-buildvcs=false
  cat > "$FOLDER/builder.yaml" <<YAML
dist: {name: otelcol, output_path: $FOLDER/source}
receivers:
  - gomod: go.opentelemetry.io/collector/receiver/otlpreceiver $VERSION
processors:
  - gomod: github.com/open-telemetry/opentelemetry-collector-contrib/processor/filterprocessor $VERSION
exporters:
  - gomod: github.com/open-telemetry/opentelemetry-collector-contrib/exporter/kafkaexporter $VERSION
  - gomod: go.opentelemetry.io/collector/exporter/otlphttpexporter $VERSION
extensions:
  - gomod: github.com/open-telemetry/opentelemetry-collector-contrib/extension/storage/filestorage $VERSION
YAML
  go install "go.opentelemetry.io/collector/cmd/builder@$VERSION"
  "$GOPATH/bin/builder" --config "$FOLDER/builder.yaml" --skip-compilation
  (cd "$FOLDER/source" && go build -trimpath -ldflags="-s -w" -o "$FOLDER/otelcol" .)
fi
exec .venv/bin/pytest -p no:cacheprovider tests/conformance/test_collector.py "$@"
