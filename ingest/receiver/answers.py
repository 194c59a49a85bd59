"""Answers in the sender's own language: OTLP's messages for OTLP, JSON for everything else."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from starlette.responses import Response

from ingest.receiver.forms import Form, Refused
from ingest.receiver.refusal import Refusal

JSON = "application/json"
PROTOBUF = "application/x-protobuf"

_GRPC_CODES = {400: 3, 401: 16, 408: 4, 413: 8, 415: 3, 429: 8, 503: 14}
_MAX_TOLD = 100
_MAX_MESSAGE_BYTES = 2_000


def accepted(form: Form, content_type: str, taken: int, refused: Sequence[Refused]) -> Response:
    """All that was taken is stored; what was refused is named."""
    if not form.is_otlp:
        told = [{"index": entry.index, "reason": entry.reason} for entry in refused[:_MAX_TOLD]]
        body = {"accepted": taken, "refused": len(refused), "reasons": told}
        return Response(msgspec.json.encode(body), media_type=JSON)
    reason = "; ".join(entry.reason for entry in refused[:3])
    if content_type == JSON:
        counted = "rejectedSpans" if form.path == "/v1/traces" else "rejectedLogRecords"
        answer = {"partialSuccess": {counted: str(len(refused)), "errorMessage": reason}} if refused else {}
        return Response(msgspec.json.encode(answer), media_type=JSON)
    if form.path == "/v1/traces":
        traces = ExportTraceServiceResponse()
        if refused:
            traces.partial_success.rejected_spans = len(refused)
            traces.partial_success.error_message = reason
        return Response(traces.SerializeToString(), media_type=PROTOBUF)
    logs = ExportLogsServiceResponse()
    if refused:
        logs.partial_success.rejected_log_records = len(refused)
        logs.partial_success.error_message = reason
    return Response(logs.SerializeToString(), media_type=PROTOBUF)


def declined(form: Form | None, content_type: str, refusal: Refusal) -> Response:
    """Nothing, or not everything, was stored."""
    headers = {} if refusal.retry_after_s is None else {"Retry-After": str(refusal.retry_after_s)}
    if refusal.status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="vigil"'
    if form is not None and form.is_otlp and content_type != JSON:
        return Response(_status(refusal), refusal.status, headers, PROTOBUF)
    code = _GRPC_CODES.get(refusal.status, 2)
    return Response(msgspec.json.encode({"code": code, "message": str(refusal)}), refusal.status, headers, JSON)


def _status(refusal: Refusal) -> bytes:
    """`google.rpc.Status`: field 1 the code, field 2 the message. Two fields are not worth another dependency."""
    message = str(refusal).encode()[:_MAX_MESSAGE_BYTES]
    code = bytes([0x08, _GRPC_CODES.get(refusal.status, 2)])
    length = len(message)
    size = bytes([length]) if length < 0x80 else bytes([length & 0x7F | 0x80, length >> 7])
    return code + b"\x12" + size + message
