"""A real Envoy that balances calls over replicas by their health, and never sends a call again."""

import json
import pathlib
import random
import socket
import subprocess
import time
import urllib.request

HOST = "127.0.0.1"
EXTENSIONS = "type.googleapis.com/envoy.extensions"
# A replica is noticed to leave within three seconds.
HEALTH_CHECK = {
    "interval": "1s",
    "no_traffic_interval": "1s",
    "timeout": "5s",
    "unhealthy_threshold": 2,
    "healthy_threshold": 1,
    "grpc_health_check": {},
}


def free_port():
    """A port below those that the system gives to outgoing connections."""
    while True:
        port = random.randrange(20000, 30000)
        with socket.socket() as probe:
            try:
                probe.bind((HOST, port))
                return port
            except OSError:
                continue


def at(port):
    return {"address": {"socket_address": {"address": HOST, "port_value": port}}}


def configuration(port, admin_port, replica_ports, access_log):
    log = {"call": "%REQ(X-CALL)%", "replica": "%UPSTREAM_HOST%", "flags": "%RESPONSE_FLAGS%"}
    manager = {
        "@type": f"{EXTENSIONS}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "calls",
        "codec_type": "HTTP2",
        "access_log": [
            {
                "name": "file",
                "typed_config": {
                    "@type": f"{EXTENSIONS}.access_loggers.file.v3.FileAccessLog",
                    "path": access_log,
                    "log_format": {"json_format": log},
                },
            }
        ],
        "http_filters": [
            {"name": "router", "typed_config": {"@type": f"{EXTENSIONS}.filters.http.router.v3.Router"}},
        ],
        "route_config": {
            "virtual_hosts": [
                {
                    "name": "all",
                    "domains": ["*"],
                    "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "replicas", "timeout": "0s"}}],
                }
            ]
        },
    }
    options = f"{EXTENSIONS.removeprefix('type.googleapis.com/')}.upstreams.http.v3.HttpProtocolOptions"
    cluster = {
        "name": "replicas",
        "type": "STATIC",
        "connect_timeout": "1s",
        # Without healthy replicas, calls fail rather than go to any.
        "common_lb_config": {"healthy_panic_threshold": {"value": 0}},
        "typed_extension_protocol_options": {
            options: {
                "@type": f"type.googleapis.com/{options}",
                "explicit_http_config": {"http2_protocol_options": {}},
            }
        },
        "health_checks": [HEALTH_CHECK],
        "load_assignment": {
            "cluster_name": "replicas",
            "endpoints": [{"lb_endpoints": [{"endpoint": at(replica)} for replica in replica_ports]}],
        },
    }
    filters = [{"name": "calls", "typed_config": manager}]
    listener = {"name": "calls", **at(port), "filter_chains": [{"filters": filters}]}
    return {"admin": at(admin_port), "static_resources": {"listeners": [listener], "clusters": [cluster]}}


class Envoy:
    def __init__(self, binary, replica_ports, folder):
        self.port, self.admin_port = free_port(), free_port()
        self.access_log = pathlib.Path(folder, "access")
        config = pathlib.Path(folder, "envoy.json")
        config.write_text(json.dumps(configuration(self.port, self.admin_port, replica_ports, str(self.access_log))))
        command = [binary, "-c", str(config), "--disable-hot-restart", "--concurrency", "1", "--log-level", "warning"]
        with open(f"{folder}/envoy.log", "w") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)

    def health(self):
        """Each replica's port, and whether calls are sent there."""
        with urllib.request.urlopen(f"http://{HOST}:{self.admin_port}/clusters?format=json", timeout=10) as response:
            clusters = json.load(response)["cluster_statuses"]
        health = {}
        for host in clusters[0].get("host_statuses", []):
            status = host["health_status"]
            is_healthy = not status.get("failed_active_health_check") and not status.get("pending_active_hc")
            health[host["address"]["socket_address"]["port_value"]] = is_healthy
        return health

    def wait_until(self, port, is_healthy):
        for _ in range(600):
            try:
                if self.health().get(port) == is_healthy:
                    return
            except OSError:
                assert self.process.poll() is None, "Envoy has ended"
            time.sleep(0.1)
        raise AssertionError(f"Envoy never finds {port} {'healthy' if is_healthy else 'unhealthy'}")

    def stop(self):
        """Ends it, and returns which replica each call was sent to."""
        self.process.terminate()
        self.process.wait()
        lines = map(json.loads, self.access_log.read_text().splitlines())
        return {line["call"]: line["replica"] for line in lines}
