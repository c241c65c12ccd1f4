-- Settings: what the server can write, what a script can get and set. They survive a restart.
local core, import = ...
local carry = import("carry")
local check = import("check")
local handlers = import("job")
local period = import("period")
local refusal = import("refusal")

local kinds = check.kinds("neap.setting_options", {
	type = "string", label = "string", unit = "string", policy = "string = default",
	default = "any", min = "number", max = "number",
	read = "function", write = "function", at_start = "none|write = none", timeout = "duration = 10s",
	ttl = "duration",
})

-- The value where it really lives; the one we know where that cannot be told.
local function read_back(self)
	if not self.read then
		return self.value
	end
	local ok, value, why = core.guarded(self.timeout, self.read)
	if ok and value ~= nil then
		return value
	end
	return self.value, refusal(ok, value, why) or "read returned nothing"
end

local function follow(self)
	for _, follower in ipairs(self.followers) do
		local ok, why = pcall(follower)
		if not ok then
			core.log("error", tostring(why))
		end
	end
end

-- The handler, the store, then everybody who follows. -> why not, or nil
local function apply(self, new)
	if self.write then
		local why = refusal(core.guarded(self.timeout, self.write, new, self.value))
		if why then
			return why
		end
	end
	local why = core.store(self.handle, new)
	if why then
		return why
	end
	self.value, self.written = new, true
	follow(self)
end

-- Whatever ends the work on a setting: the next can begin. Jobs that waited are answered.
local turn_meta = {
	__close = function(self)
		local queue = self.queue
		self.busy, self.queue = false, {}
		for _, item in ipairs(queue) do
			local _ <close> = item.job
		end
	end,
}

-- One thing at a time for each setting, in the order of arrival. work(self, ...); `job` may be nil.
local function in_turn(self, job, work, ...)
	table.insert(self.queue, table.pack(work, self, ...))
	self.queue[#self.queue].job = job
	if self.busy then
		return
	end
	local _ <close> = self
	self.busy = true
	while self.queue[1] do
		local item = table.remove(self.queue, 1)
		local _ <close> = item.job
		local ok, why = pcall(table.unpack(item, 1, item.n))
		if not ok then
			core.log("error", ("%s: %s"):format(self.path, tostring(why)))
		end
	end
end

local function read_job(self, job)
	local value, trouble = read_back(self)
	if trouble then
		core.done(job, false, nil, trouble)
	elseif value == nil then
		core.done(job, false, nil, ("%s has no value yet"):format(self.path))
	else
		core.done(job, true, value)
	end
end

local function write_job(self, job, new)
	local why = apply(self, new)
	local value, trouble = read_back(self)
	if trouble then
		core.log("warn", ("%s: cannot be read back: %s"):format(self.path, trouble))
	end
	core.done(job, why == nil, value, why)
end

local function write_at_start(self)
	local why = self.value ~= nil and refusal(core.guarded(self.timeout, self.write, self.value, nil))
	if why then
		core.log("error", ("%s: its write at the start failed: %s"):format(self.path, why))
	end
end

local function stored(self, default)
	local value, why = core.stored(self.handle)
	if why then
		core.log("warn", ("%s: its stored value does not fit any more, the default holds: %s")
			:format(self.path, why))
	end
	if value == nil then
		return default
	end
	return value
end

-- What was written while the script's next generation waited.
carry.kind("setting", { "written" }, function(self)
	local value = core.stored(self.handle)
	if value ~= nil and value ~= self.value then
		self.value = value
		follow(self)
	end
end)

local methods = {}

-- What scripts hold: the object's own fields are kept apart, by key.
local own = setmetatable({}, { __mode = "k" })

-- setting:get() -> its value, as far as the agent knows; nil before there is one
function methods.get(object)
	return own[object].value
end

-- setting:set(value): as if the server had written it; raises if it is refused
function methods.set(object, value)
	local self = own[object]
	local new, why = core.check(self.handle, value)
	if why then
		core.fail("%s", why)
	elseif self.busy then
		core.fail("%s is being read or written", self.path)
	end
	why = "its handler did not end well"
	in_turn(self, nil, function()
		why = apply(self, new)
	end)
	if why then
		core.fail("%s: %s", self.path, why)
	end
	local trouble, durable = core.push(self.handle, self.value)
	if trouble then
		core.fail("%s", trouble)
	elseif durable then
		core.sync()
	end
end

local meta = check.object("neap.setting", methods, function(object)
	return "the setting " .. own[object].path
end)

-- path, options as the script gave them -> the object
return function(path, options, parallel)
	local what = "setting " .. path
	options = check.fields(what, options, kinds)
	if options.at_start == "write" and not options.write then
		core.fail('%s: at_start = "write" needs a write handler', what)
	end
	local self = setmetatable({
		path = path, read = options.read, write = options.write, timeout = options.timeout, queue = {},
		followers = {},
	}, turn_meta)
	self.handle = core.declare({
		kind = "setting", path = path, type = options.type, label = options.label,
		unit = options.unit, policy = options.policy, min = options.min,
		max = options.max, default = options.default, readable = true, timeout = options.timeout,
		ttl = options.ttl, parallel = parallel,
	})
	local default = options.default
	if default ~= nil then
		default = core.check(self.handle, default)
	end
	self.value = stored(self, default)
	local object = setmetatable({}, meta)
	own[object] = self
	carry.add("setting", path, self)
	period.settings[object] = self
	handlers[self.handle] = {
		read = function(job)
			in_turn(self, job, read_job, job)
		end,
		write = function(job, value)
			in_turn(self, job, write_job, job, value)
		end,
	}
	if options.at_start == "write" then
		core.on("at_start", function()
			in_turn(self, nil, write_at_start)
		end)
	end
	return object
end
