-- file.watch(path, run[, {quiet=}]): calls run(path) when a file or something in a folder changed.
local core, import = ...
local check = import("check")
local feed = import("feed")

local TURNS_MAX = 20

local kinds = check.kinds("neap.watch_options", { quiet = "duration = 200ms" })

-- What scripts hold -> handle, path.
local own = setmetatable({}, { __mode = "k" })
local methods = {}

function methods.close(object)
	local self = own[object]
	self.closed = true
	if self.handle then
		core.unwatch(self.handle)
	end
end

local meta = check.object("neap.watch", methods, function(object)
	return "the watch of " .. own[object].path
end)
meta.__close = methods.close

-- Many changes come at once: it waits until there is quiet.
local function wait_for_quiet(self)
	local turns, seen = 0
	repeat
		seen, turns = self.changes, turns + 1
		core.sleep(self.quiet)
	until seen == self.changes or turns == TURNS_MAX
end

local function changed(self)
	self.changes = self.changes + 1
	if self.waiting then
		return
	end
	self.waiting = true
	wait_for_quiet(self)
	self.waiting = false
	self.told()
end

return function(path, run, options)
	check.argument("file.watch", 1, path, "string")
	check.argument("file.watch", 2, run, "function")
	options = check.fields("file.watch", options, kinds)
	local folder, name = path:match("^(.*/)([^/]*)$")
	local self = { path = path, changes = 0, quiet = options.quiet }
	self.told = feed.in_order("file.watch " .. path, function()
		if not self.closed then
			run(path)
		end
	end)
	feed.at_start(function()
		if not self.closed then
			local what = ("file.watch %s: "):format(path)
			self.handle = core.watch(what, folder or ".", name or path, function()
				changed(self)
			end)
		end
	end)
	local object = setmetatable({}, meta)
	own[object] = self
	return object
end
