-- asset(id, {label=, parallel=}): what has variables, settings and commands. parallel: tasks on it
-- do not wait for each other.
local core, import = ...
local check = import("check")
local command = import("command")
local handlers = import("job")
local points = import("point")
local sensor = import("sensor")
local setting = import("setting")

local asset_kinds = check.kinds("neap.asset_options", { label = "string", parallel = "boolean" })
local member_kinds = check.kinds("neap.group_variable", {
	type = "string", label = "string", unit = "string", policy = "string", report = "table",
	factor = "number",
})
local variable_kinds = check.kinds("neap.variable_options", {
	policy = "string = default", every = "any", read = "function", timeout = "duration = 10s",
	ttl = "duration",
}, member_kinds)
local group_kinds = check.kinds("neap.group_options", {
	variables = "table", policy = "string = default", every = "any", read = "function",
	timeout = "duration = 10s",
})
local push_kinds = check.kinds("neap.push_options", { time = "number" })

-- What scripts hold -> id and points (name -> handle, report).
local own = setmetatable({}, { __mode = "k" })

local function path_of(asset, what, name)
	check.argument("asset:" .. what, 1, name, "string")
	return own[asset].id .. "." .. name
end

-- Declares one variable of an asset; its point.
local function declare(self, name, options, readable, timeout)
	local path = self.id .. "." .. name
	if options.factor and options.factor <= 0 then
		core.fail("variable %s: factor must be above 0", path)
	end
	local point = points.declare({
		path = path, type = options.type, label = options.label, unit = options.unit,
		policy = options.policy, readable = readable, timeout = timeout, ttl = options.ttl,
		parallel = self.parallel, factor = options.factor,
	}, options.report)
	self.points[name] = point
	return point
end

-- Tasks that read it: what a window makes has its last values only.
local function answer(point, read)
	if point.window then
		read = core.done_last
	end
	for _, handle in ipairs(point.handles) do
		handlers[handle] = { read = read }
	end
end

local methods = {}

function methods.variable(asset, name, given)
	local path = path_of(asset, "variable", name)
	local what = "variable " .. path
	local options = check.fields(what, given, variable_kinds)
	if options.every and not options.read then
		core.fail("%s: every needs read, a function that returns the value", what)
	elseif options.report and not options.every then
		core.fail("%s: report needs every and read: what is pushed is reported as it is", what)
	elseif given and given.timeout and not options.read then
		core.fail("%s: timeout is read's, and there is no read", what)
	end
	local point = declare(own[asset], name, options, options.read ~= nil, options.timeout)
	local handler = core.done_last
	if options.read then
		local self = sensor.new(path, options, { point })
		handler = function(job)
			sensor.job(self, job)
		end
	end
	answer(point, handler)
end

function methods.group(asset, options)
	local self = own[asset]
	local what = ("group of asset %s"):format(self.id)
	options = check.fields(what, options, group_kinds)
	if not options.variables or next(options.variables) == nil then
		core.fail("%s: it needs variables, a table of their names and fields", what)
	elseif not options.read then
		core.fail("%s: it needs read, a function that returns a table of values by name", what)
	end
	local names, members = {}, {}
	for name in pairs(options.variables) do
		names[#names + 1] = check.value(what .. ": the name of a variable", name, "string")
	end
	table.sort(names)
	for _, name in ipairs(names) do
		local member = ("variable %s.%s"):format(self.id, name)
		local fields = check.fields(member, options.variables[name], member_kinds)
		fields.policy = fields.policy or options.policy
		if fields.report and not options.every then
			core.fail("%s: the report of %s needs every", what, name)
		end
		members[name] = declare(self, name, fields, true, options.timeout)
	end
	local group = sensor.new(("%s.{%s}"):format(self.id, table.concat(names, ",")), options, members,
		names)
	for _, name in ipairs(names) do
		answer(members[name], function(job)
			sensor.job(group, job, name)
		end)
	end
end

function methods.counter(asset, name, options)
	return import("counter")(asset, path_of(asset, "counter", name), name, options)
end

function methods.modbus(asset, options)
	import("register_map")(asset, own[asset].id, options)
end

function methods.setting(asset, name, options)
	return setting(path_of(asset, "setting", name), options, own[asset].parallel)
end

function methods.command(asset, name, options)
	command(path_of(asset, "command", name), options, own[asset].parallel)
end

-- One value; -> must the caller sync?
local function push_one(self, name, value, time)
	local point = self.points[name]
	if not point then
		core.fail("%s.%s is not declared as a variable here%s",
			self.id, tostring(name), check.meant(tostring(name), self.points))
	elseif point.window then
		core.fail("%s.%s is read for its window: it cannot be pushed", self.id, name)
	elseif time ~= nil and type(time) ~= "number" then
		core.fail("%s.%s: its time must be in seconds since 1970, as now() gives it", self.id, name)
	end
	local why, durable = points.send(point, value, time)
	if why then
		core.fail("%s", why)
	end
	return durable
end

-- {{name, value, time=}, ...}
local function push_list(self, list)
	local sync = false
	for i, item in ipairs(list) do
		if type(item) ~= "table" then
			core.fail("asset %s:push: item %d must be a table {name, value, time=}", self.id, i)
		end
		for field in pairs(item) do
			if field ~= 1 and field ~= 2 and field ~= "time" then
				core.fail('asset %s:push: item %d: there is no field "%s"%s', self.id, i,
					tostring(field), check.meant(tostring(field), push_kinds.kinds))
			end
		end
		sync = push_one(self, item[1], item[2], item.time) or sync
	end
	return sync
end

function methods.push(asset, name, value, options)
	local self, sync = own[asset]
	if type(name) == "table" then
		sync = push_list(self, name)
	else
		local time = nil
		if options ~= nil then
			time = check.fields(("asset %s:push"):format(self.id), options, push_kinds).time
		end
		sync = push_one(self, name, value, time)
	end
	if sync then
		core.sync()
	end
end

local meta = check.object("neap.asset", methods, function(asset)
	return "the asset " .. own[asset].id
end)

local assets = {}

return function(id, options)
	check.argument("asset", 1, id, "string")
	options = check.fields(("asset %s"):format(id), options, asset_kinds)
	if not id:find("^[%w_-]+$") then
		core.fail('asset: "%s" is not an id: letters, digits, _ and -', id)
	end
	if options.label then
		core.label(id, options.label)
	end
	if not assets[id] then
		assets[id] = setmetatable({}, meta)
		own[assets[id]] = { id = id, points = {} }
	end
	if options.parallel ~= nil then
		own[assets[id]].parallel = options.parallel
	end
	return assets[id]
end
