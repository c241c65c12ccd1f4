-- Sets up what a script finds: the other files of this folder make the names, this one puts them in
-- place. Each gets `core`, the functions in C (lua/bindings.h), and `import`, which runs another
-- one once.
local core, import = ...

local fail = core.fail

-- Raises the text, with the script's line before it.
function core.fail(format, ...)
	fail(format:format(...))
end

if rawget(core, "fake") then
	import("fake")
end

local names = {
	asset = import("asset"),
	cjson = core.cjson,
	cron = import("cron"),
	every = import("every"),
	file = import("file"),
	log = import("log"),
	now = core.now,
	on = import("on"),
	params = import("params"),
	policy = import("policy"),
	sleep = import("sleep"),
	try = core.try,
	uptime = core.uptime,
}
for name, value in pairs(names) do
	_G[name] = value
end
import("sandbox")
if rawget(core, "test") then
	import("test")
elseif rawget(core, "console") then
	import("console")
end
