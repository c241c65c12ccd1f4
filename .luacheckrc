std = "lua54"
max_line_length = 100
cache = false

-- what a device script finds in its environment
local script = {
	"agent", "asset", "command", "cron", "every", "exec", "file", "gpio", "http", "log", "modbus", "now", "on", "params", "policy",
	"read", "rule", "serial", "sleep", "state", "task", "tcp", "try", "udp", "uptime", "write",
}
files["scripts"] = { read_globals = script }
files["examples"] = { read_globals = script }
files["tests"] = { read_globals = script }
-- the library makes these names
files["lua"] = { globals = script }
