-- rule{variable=, above= (or below=, is=), hysteresis=, hold=, raise=, clear=}: a function for when
-- a value goes beyond a limit, and one for when it is back. Each value counts, sent or not.
local core, import = ...
local carry = import("carry")
local check = import("check")
local period = import("period")
local points = import("point")

local WAITING_MAX = 8
local GRACE = 1000 -- ms: for a value that is being read when a hold ends, before it ends by itself

local kinds = check.kinds("neap.rule_options", {
	name = "string", variable = "string", above = "any", below = "any", is = "any",
	hysteresis = "any", hold = "duration", raise = "function", clear = "function",
})

-- -> is the value beyond the limit? is it back? Neither within the hysteresis.
local tests = {
	above = function(value, limit, hysteresis)
		return value > limit, value <= limit - hysteresis
	end,
	below = function(value, limit, hysteresis)
		return value < limit, value >= limit + hysteresis
	end,
	is = function(value, limit)
		return value == limit, value ~= limit
	end,
}

local names = {} -- taken
local own = setmetatable({}, { __mode = "k" }) -- what scripts hold -> the rule
local methods = {}

-- Raised or cleared. The functions run in a fiber of their own, one after the other; where one
-- takes so long that many wait, a pair is left out: what holds in the end is told.
function methods:turn(on)
	self.raised, self.since = on, nil
	core.arm(self.timer, nil)
	if #self.queue >= WAITING_MAX then
		table.remove(self.queue)
		core.log("warn", ("%s: its functions take too long: one change is left out")
			:format(self.what))
		return
	end
	table.insert(self.queue, { on = on, value = self.value, time = core.now() })
	core.arm(self.runner, 0)
end

function methods:look(value)
	local limit, hysteresis = self.limit(), self.hysteresis()
	self.value = value
	if limit == nil or hysteresis == nil then
		return -- a setting without a value yet
	end
	local beyond, back = self.test(value, limit, hysteresis)
	if self.raised then
		if back then
			self:turn(false)
		end
	elseif not beyond then
		if self.since then
			self.since = nil
			core.arm(self.timer, nil)
		end
	elseif not self.since and self.hold > 0 then
		self.since = core.mono()
		core.arm(self.timer, self.hold + self.grace)
	elseif self.hold == 0 or core.mono() - self.since >= self.hold then
		self:turn(true)
	end
end

local function run(self)
	local _ <close> = self
	while self.queue[1] do
		local event = table.remove(self.queue, 1)
		local handler = event.on and self.raise or not event.on and self.clear
		local ok, why = pcall(handler or math.abs, event.value, event.time)
		if not ok and handler then
			core.log("error", ("%s: %s"):format(self.what, tostring(why)))
			core.failed()
		end
	end
end

local meta = {
	__index = methods,
	__close = function(self) -- one was ended: the next has its turn
		if self.queue[1] then
			core.arm(self.runner, 0)
		end
	end,
}

carry.kind("rule", { "raised", "since", "value", "queue" }, function(self)
	if self.since then
		core.arm(self.timer, math.max(0, self.since + self.hold + self.grace - core.mono()))
	end
	if self.queue[1] then
		core.arm(self.runner, 0)
	end
end)

-- A function that gives the number, or the setting's value, which is then followed.
local function number_of(self, what, value)
	local setting = period.settings[value]
	if not setting then
		check.value(what, value, "number")
		return function() return value end
	end
	table.insert(setting.followers, function()
		if self.value ~= nil then
			self:look(self.value)
		end
	end)
	return function() return setting.value end
end

local function watched(what, path)
	local point = points.all[path]
	if not path then
		core.fail("%s: it needs variable, the path of a variable of this script", what)
	elseif not point then
		core.fail("%s: %s is not declared as a variable of this script before%s", what, path,
			check.meant(path, points.all))
	end
	return point
end

-- Which of above, below and is was given.
local function kind_of(what, options)
	local kind
	for name in pairs(tests) do
		if options[name] ~= nil then
			if kind then
				core.fail("%s: it has %s and %s: it needs one of above, below and is", what,
					kind < name and kind or name, kind < name and name or kind)
			end
			kind = name
		end
	end
	return kind or core.fail("%s: it needs one of above, below and is", what)
end

local function check_types(what, kind, options, point)
	local numbers = point.type == nil or point.type == "double" or point.type == "int"
	if kind ~= "is" and not numbers then
		core.fail("%s: %s is for numbers, and %s is of the type %s", what, kind, point.path, point.type)
	elseif kind == "is" and options.hysteresis ~= nil then
		core.fail("%s: hysteresis is for above and below", what)
	elseif not options.raise and not options.clear then
		core.fail("%s: it needs raise or clear, a function", what)
	end
end

local objects = check.object("neap.rule", {
	-- rule:raised() -> is the value beyond the limit?
	raised = function(object)
		return own[object].raised
	end,
}, function(object)
	return "the " .. own[object].what
end)

return function(options)
	local what = "rule"
	options = check.fields(what, check.argument("rule", 1, options, "table"), kinds)
	local point = watched(what, options.variable)
	local kind = kind_of(("%s of %s"):format(what, point.path), options)
	local name = options.name or ("%s %s"):format(point.path, kind)
	what = ('rule "%s"'):format(name)
	if names[name] then
		core.fail("%s: there is one already, at %s: give them names", what, names[name])
	end
	check_types(what, kind, options, point)
	local self = setmetatable({
		what = what, test = tests[kind], hold = options.hold or 0, raised = false, queue = {},
		grace = math.min(options.hold or 0, GRACE),
		raise = options.raise, clear = options.clear,
	}, meta)
	local function constant()
		return options.is
	end
	self.limit = kind == "is" and constant or number_of(self, what .. ": " .. kind, options[kind])
	self.hysteresis = number_of(self, what .. ": hysteresis", options.hysteresis or 0)
	names[name] = core.where()
	self.timer = core.ticker(what .. ": ", 0, -1, function()
		if self.since then
			self:turn(true)
		end
	end)
	self.runner = core.ticker(what .. ": ", 0, -1, function()
		run(self)
	end)
	carry.add("rule", name, self)
	point.rules = point.rules or {}
	table.insert(point.rules, self)
	local object = setmetatable({}, objects)
	own[object] = self
	return object
end
