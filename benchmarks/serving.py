"""Measures a pushed model in a real server process, to which a second process sends a bounded load.

    python benchmarks/serving.py MODEL EXAMPLES --server triton --python VENV/bin/python

MODEL is a SavedModel, EXAMPLES a pattern of gzipped TFRecords of SequenceExamples. Servers need packages that conflict
with this project's, so they run in an environment of their own:

    triton   NVIDIA Triton, its Python backend, over gRPC: pip install nvidia-pytriton tensorflow-cpu
    ray      Ray Serve, one replica, over HTTP: pip install "ray[serve]" tensorflow-cpu
    http     Python's own HTTP server: any environment with TensorFlow

Neither environment has tfx-sequence, which a SavedModel does not need, so this file imports nothing of it. Every run
starts the server twice: cold, and warm, which means that it answers the model's own warm-up requests before it says
that it is ready. Every answer is compared with that of TensorFlow in a process without a server. Each client waits for
its answer before it sends the next request. The result is a row of a table on standard output, or all figures as JSON
with `--json`.
"""

from __future__ import annotations

import argparse
import base64
import concurrent.futures
import contextlib
import http.client
import http.server
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

Answers = dict[str, Any]
Predict = Callable[[list[bytes]], Answers]

MODEL_NAME = "sequences"
WARMUP = os.path.join("assets.extra", "tf_serving_warmup_requests")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("examples")
    parser.add_argument("--server", choices=SERVERS, default="http")
    parser.add_argument("--python", default=sys.executable, help="the interpreter of the server and of its client")
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        requests = os.path.join(folder, "requests.json")
        warmup = os.path.join(folder, "warmup.json")
        _write_requests(requests, [[record] for record in _read_records(options.examples)])
        _write_requests(warmup, _read_warmup_requests(options.model))
        expected = json.loads(_run_child(options.python, "answer", options.model, requests))
        figures: dict[str, Any] = {"server": options.server, "requests": options.requests, "clients": options.clients}
        for start, prepare in (("cold", "-"), ("warm", warmup)):
            with _run_server(options.python, options.server, options.model, prepare) as (port, seconds):
                ask = (options.python, "ask", options.server, str(port), requests)
                first = json.loads(_run_child(*ask, "1", "1"))
                figures[f"{start}_ready_s"] = seconds
                figures[f"{start}_first_ms"] = first["latencies_ms"][0]
                if start == "warm":
                    asked = json.loads(_run_child(*ask, str(options.requests), str(options.clients)))
                    figures |= _summarize_latencies(asked)
                    figures["different"] = sum(
                        not _is_equal(answer, expected[which]) for which, answer in asked["answers"].items()
                    )
                    figures["compared"] = len(asked["answers"])
    print(json.dumps(figures) if options.json else _format_row(figures))


def _summarize_latencies(asked: dict[str, Any]) -> dict[str, float]:
    hundredths = statistics.quantiles(asked["latencies_ms"], n=100)
    rate = len(asked["latencies_ms"]) / asked["seconds"]
    return {"p50_ms": hundredths[49], "p99_ms": hundredths[98], "requests_per_s": rate}


def _format_row(figures: dict[str, Any]) -> str:
    heads = ("cold_ready_s", "cold_first_ms", "warm_ready_s", "warm_first_ms", "p50_ms", "p99_ms", "requests_per_s")
    cells = [figures["server"], str(figures["clients"]), *(f"{figures[head]:.1f}" for head in heads)]
    titles = ["server", "clients", *(head.replace("_", " ") for head in heads), "answers equal"]
    equal = f"{figures['compared'] - figures['different']} of {figures['compared']}"
    return "\n".join("| " + " | ".join(row) + " |" for row in (titles, ["---"] * len(titles), [*cells, equal]))


def _is_equal(answer: Answers, expected: Answers) -> bool:
    """Compares the real steps of one record: a server that batches requests pads them to the longest."""
    (length,) = expected["lengths"]

    def same(name: str) -> bool:
        got, want = (np.ravel(side[name])[: max(length, 1)] for side in (answer, expected))
        return np.allclose(got, want, atol=1e-6) if got.dtype.kind == "f" else got.tolist() == want.tolist()

    return answer.keys() == expected.keys() and all(map(same, expected))


# --- What is asked. Read here, where TensorFlow Serving's messages are installed. -------------------------------------


def _read_records(pattern: str) -> list[bytes]:
    import tensorflow as tf

    files = sorted(tf.io.gfile.glob(pattern))
    if not files:
        sys.exit(f"no file matches {pattern}")
    return [record.numpy() for record in tf.data.TFRecordDataset(files, "GZIP")]


def _read_warmup_requests(model: str) -> list[list[bytes]]:
    import tensorflow as tf
    from tensorflow_serving.apis import prediction_log_pb2

    logs = map(
        prediction_log_pb2.PredictionLog.FromString,
        tf.data.TFRecordDataset(os.path.join(model, WARMUP)).as_numpy_iterator(),
    )
    return [tf.make_ndarray(log.predict_log.request.inputs["examples"]).tolist() for log in logs]


def _write_requests(path: str, requests: list[list[bytes]]) -> None:
    with open(path, "w", encoding="utf-8") as file:
        json.dump([[base64.b64encode(record).decode() for record in request] for request in requests], file)


def _read_requests(path: str) -> list[list[bytes]]:
    with open(path, encoding="utf-8") as file:
        return [[base64.b64decode(record) for record in request] for request in json.load(file)]


# --- Processes --------------------------------------------------------------------------------------------------------


def _run_child(python: str, *arguments: str) -> str:
    command = [python, __file__, "--child", *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=_make_environment(python)).stdout


def _make_environment(python: str) -> dict[str, str]:
    """Adds the folder of libpython to the loader's path: Triton's backend is linked with it."""
    ask = "import sysconfig; print(sysconfig.get_config_var('LIBDIR'))"
    library = subprocess.run([python, "-c", ask], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    path = os.pathsep.join(filter(None, [library, os.environ.get("LD_LIBRARY_PATH")]))
    return {**os.environ, "LD_LIBRARY_PATH": path, "TF_CPP_MIN_LOG_LEVEL": "2"}


@contextlib.contextmanager
def _run_server(python: str, kind: str, model: str, warmup: str) -> Iterator[tuple[int, float]]:
    """Starts a server. Yields its port once it is ready, and the seconds that this took."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [python, __file__, "--child", "serve", kind, str(port), model, warmup]
    began = time.monotonic()
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=log, env=_make_environment(python), start_new_session=True
        )
        try:
            while not _is_ready(kind, port):
                if process.poll() is not None or time.monotonic() - began > 300:
                    log.seek(0)
                    sys.exit(f"the server {kind} did not start: {log.read()[-3000:]}")
                time.sleep(0.05)
            yield port, time.monotonic() - began
        finally:
            # The server's own children are in its session.
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)


def _is_ready(kind: str, port: int) -> bool:
    path = f"/v2/models/{MODEL_NAME}/ready" if kind == "triton" else "/ready"
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


# --- Servers. They run where nothing but TensorFlow and the server is installed. --------------------------------------


def _load_model(model: str, warmup: str) -> Predict:
    """Loads the model as a function, and lets it answer the warm-up requests if there are any."""
    import tensorflow as tf

    loaded = tf.saved_model.load(model)

    def predict(examples: list[bytes]) -> Answers:
        # A signature lives only as long as its model, so the closure keeps the model.
        signature = loaded.signatures["serving_default"]
        return {name: value.numpy() for name, value in signature(examples=tf.constant(examples)).items()}

    for request in _read_requests(warmup) if warmup != "-" else []:
        predict(request)
    return predict


def _to_json_values(answers: Answers) -> Answers:
    """Turns arrays into values that JSON can hold."""
    return {
        name: _decode(value.tolist()) if value.dtype == object else value.tolist() for name, value in answers.items()
    }


def _decode(value: Any) -> Any:
    return [_decode(each) for each in value] if isinstance(value, list) else value.decode()


def serve_http(port: int, model: str, warmup: str) -> None:
    predict = _load_model(model, warmup)

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Otherwise the body of an answer waits 40 ms for its head to be acknowledged.
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            self._send(200, {})

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            try:
                self._send(200, _to_json_values(predict([base64.b64decode(example) for example in asked["examples"]])))
            except Exception as error:
                self._send(400, {"error": str(error)})

        def _send(self, status: int, content: Answers) -> None:
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()


def serve_ray(port: int, model: str, warmup: str) -> None:
    import ray
    from ray import serve

    @serve.deployment(max_ongoing_requests=64)
    class Sequences:
        def __init__(self) -> None:
            self._predict = _load_model(model, warmup)

        async def __call__(self, request: Any) -> Answers:
            if request.method == "GET":
                return {}
            asked = await request.json()
            return _to_json_values(self._predict([base64.b64decode(example) for example in asked["examples"]]))

    ray.init(num_cpus=2, include_dashboard=False, object_store_memory=100 * 2**20)
    serve.start(http_options={"host": "127.0.0.1", "port": port})
    serve.run(Sequences.bind(), route_prefix="/")
    threading.Event().wait()


def serve_triton(port: int, model: str, warmup: str) -> None:
    import tensorflow as tf
    from pytriton.decorators import batch
    from pytriton.model_config import ModelConfig, Tensor
    from pytriton.triton import Triton, TritonConfig

    predict = _load_model(model, warmup)
    outputs = tf.saved_model.load(model).signatures["serving_default"].structured_outputs

    @batch
    def answer(examples: Any) -> Answers:
        return {
            # Triton has no strings of unequal length but bytes, and a batch axis of its own.
            name: value.reshape(len(examples), -1)
            for name, value in predict(examples[:, 0].tolist()).items()
        }

    def dtype(output: Any) -> Any:
        return bytes if output.dtype == tf.string else np.dtype(output.dtype.as_numpy_dtype).type

    config = TritonConfig(http_port=port, grpc_port=port + 1, allow_metrics=False)
    with Triton(config=config) as triton:
        triton.bind(
            model_name=MODEL_NAME,
            infer_func=answer,
            inputs=[Tensor(name="examples", dtype=bytes, shape=(1,))],
            outputs=[Tensor(name=name, dtype=dtype(output), shape=(-1,)) for name, output in outputs.items()],
            config=ModelConfig(max_batch_size=64),
        )
        triton.serve()


SERVERS: dict[str, Callable[[int, str, str], None]] = {
    "http": serve_http,
    "ray": serve_ray,
    "triton": serve_triton,
}


# --- Clients ----------------------------------------------------------------------------------------------------------


def _make_http_client(port: int) -> Predict:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def predict(examples: list[bytes]) -> Answers:
        body = json.dumps({"examples": [base64.b64encode(example).decode() for example in examples]})
        connection.request("POST", "/", body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        answers: Answers = json.loads(response.read())
        if response.status != 200:
            raise RuntimeError(f"{response.status}: {answers}")
        return answers

    return predict


def _make_triton_client(port: int) -> Predict:
    import tritonclient.grpc as grpc

    client = grpc.InferenceServerClient(f"127.0.0.1:{port + 1}")
    scalars = {"lengths"}

    def predict(examples: list[bytes]) -> Answers:
        given = grpc.InferInput("examples", [len(examples), 1], "BYTES")
        given.set_data_from_numpy(np.array(examples, object)[:, None])
        result = client.infer(MODEL_NAME, [given])
        answers = {output.name: result.as_numpy(output.name) for output in result.get_response().outputs}
        return _to_json_values({name: value[:, 0] if name in scalars else value for name, value in answers.items()})

    return predict


def ask(kind: str, port: int, requests: list[list[bytes]], count: int, clients: int) -> dict[str, Any]:
    """Sends `count` requests, each of the given ones in turn, at most `clients` at any time.

    Returns:
      The seconds of all together, the latency of each, and the answers by the request's position.
    """
    own = threading.local()

    def one(position: int) -> tuple[float, Answers]:
        if not hasattr(own, "predict"):
            own.predict = (_make_triton_client if kind == "triton" else _make_http_client)(port)
        began = time.perf_counter()
        answers = own.predict(requests[position % len(requests)])
        return 1000 * (time.perf_counter() - began), answers

    with concurrent.futures.ThreadPoolExecutor(clients) as pool:
        began = time.perf_counter()
        results = list(pool.map(one, range(count)))
        seconds = time.perf_counter() - began
    return {
        "seconds": seconds,
        "latencies_ms": [latency for latency, _ in results],
        "answers": {str(position): answers for position, (_, answers) in enumerate(results[: len(requests)])},
    }


def child(role: str, *arguments: str) -> None:
    if role == "serve":
        kind, port, model, warmup = arguments
        SERVERS[kind](int(port), model, warmup)
    elif role == "ask":
        kind, port, path, count, clients = arguments
        print(json.dumps(ask(kind, int(port), _read_requests(path), int(count), int(clients))))
    else:
        model, path = arguments
        predict = _load_model(model, "-")
        answers = {str(at): _to_json_values(predict(request)) for at, request in enumerate(_read_requests(path))}
        print(json.dumps(answers))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(*sys.argv[2:])
    else:
        main()
