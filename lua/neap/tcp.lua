-- tcp.connect{host=, port=, timeout=}: connections to other machines.
local core, import = ...
local check = import("check")
local net = import("net")

local kinds = check.kinds("neap.tcp_options", {
	host = "string", port = "integer", timeout = "duration = 10s",
})
local read_kinds = check.kinds("neap.tcp_read_options", {
	ends = "any", count = "integer", limit = "size = 64KB", timeout = "duration",
})
local SIZE_MAX = 1048576

-- What scripts hold -> handle, name, timeout.
local own = setmetatable({}, { __mode = "k" })
local methods = {}

function methods.write(object, text)
	local self = own[object]
	check.argument("tcp:write", 1, text, "string")
	if text ~= "" then
		core.tcp.write(self.handle, text, self.timeout)
	end
end

function methods.read(object, options)
	local self = own[object]
	options = check.fields("tcp:read", options, read_kinds)
	local limit = options.limit
	if options.count then
		check.whole("tcp:read: count", options.count, 1, SIZE_MAX)
		limit = SIZE_MAX
	end
	return core.tcp.read(self.handle, options.count or 0, check.ends("tcp:read", options.ends),
		check.whole("tcp:read: limit", limit, 1, SIZE_MAX), options.timeout or self.timeout)
end

function methods.close(object)
	core.tcp.close(own[object].handle)
end

local meta = check.object("neap.connection", methods, function(object)
	return "the connection " .. own[object].name
end)
meta.__close = methods.close

return check.closed("tcp", {
	connect = function(options)
		options = check.fields("tcp.connect", options, kinds)
		local name = net.name("tcp.connect", options.host, options.port)
		local object = setmetatable({}, meta)
		own[object] = {
			handle = core.tcp.connect(name, options.host, options.port, options.timeout),
			name = name, timeout = options.timeout,
		}
		return object
	end,
})
