-- Where I/O is faked, in a script's state: what the library asks of a file, a device or a program
-- goes to the test file, under the names that the test_*.lua know. The library's own checks stay.
local core = ...
local fake = core.fake

for name in pairs(core.file) do
	core.file[name] = function(...)
		return fake("file." .. name, ...)
	end
end

function core.exec(args, _, timeout, _, input)
	return fake("exec", args, input or "", timeout)
end

function core.agent_status()
	return fake("agent.status")
end

-- --- what happens outside: changes of files, edges of inputs ---

local watches, inputs = {}, {} -- handle -> true

function core.watch(_, folder, file, run)
	local handle = { path = file ~= "" and folder:gsub("/?$", "/") .. file or folder, run = run }
	watches[handle] = true
	return handle
end

function core.unwatch(handle)
	watches[handle] = nil
end

function core.gpio.input(name, _, _, edge, _, run)
	local handle = { name = name, on = fake("gpio", name), edge = edge, count = 0, run = run }
	inputs[handle] = true
	return handle
end

function core.gpio.close_input(handle)
	inputs[handle] = nil
end

function core.gpio.get(handle)
	return handle.on
end

function core.gpio.count(handle)
	return handle.count
end

function core.gpio.output(name, _, on)
	fake("gpio", name, on)
	return { name = name }
end

function core.gpio.set(handle, on)
	fake("gpio", handle.name, on)
end

function core.gpio.close_output() end

local function changed(path)
	for handle in pairs(watches) do
		if path == handle.path or path:match("^(.*)/[^/]*$") == handle.path then
			handle.run(handle)
		end
	end
end

local function switched(name, on)
	for handle in pairs(inputs) do
		if handle.name == name and handle.on ~= on then
			handle.on = on
			if handle.edge == "both" or handle.edge == (on and "rising" or "falling") then
				handle.count = handle.count + 1
				handle.run(handle, on, core.now(), 1)
			end
		end
	end
end

core.feeds(function(kind, ...)
	if kind == "file" then
		changed(...)
	else
		switched(...)
	end
end)

-- --- serial lines and Modbus ---

local open = core.bus.open
local names = setmetatable({}, { __mode = "k" }) -- of handles that are open

local function name_of(handle)
	if not names[handle] then
		core.raise("it was closed by this script", "EBADF")
	end
	return names[handle]
end

-- It checks, and takes no port before the first exchange.
function core.bus.open(kind, name, port, ...)
	local handle = open(kind, name, port, ...)
	names[handle] = kind == "tcp" and ("%s:%d"):format(name, port) or name
	return handle
end

function core.bus.close(handle)
	names[handle] = nil
end

function core.bus.exchange(handle, ...)
	return fake("serial", name_of(handle), ...)
end

function core.bus.query(handle, ...)
	return fake("modbus", name_of(handle), ...)
end

-- --- connections and datagrams ---

function core.tcp.connect(name, _, _, timeout)
	fake("tcp.connect", name, timeout)
	local handle = {}
	names[handle] = name
	return handle
end

function core.udp.connect(name)
	local handle = {}
	names[handle] = name
	return handle
end

function core.udp.bind(name, _, port)
	return core.udp.connect(name), port
end

for _, protocol in ipairs { "tcp", "udp" } do
	core[protocol].close = core.bus.close
	for _, what in ipairs { "write", "read", "send", "receive" } do
		if core[protocol][what] then
			core[protocol][what] = function(handle, ...)
				return fake(protocol .. "." .. what, name_of(handle), ...)
			end
		end
	end
end
