-- Periods: a duration, or a setting that holds one, which is then followed.
local core, import = ...
local check = import("check")
local period = {}

-- the object that a script holds -> the setting: path, value, and followers, which are functions to
-- call when it changes
period.settings = setmetatable({}, { __mode = "k" })

-- The period in ms.
local function value_of(what, duration)
	local setting = period.settings[duration]
	if not setting then
		return check.duration(what .. ": its period", duration)
	end
	local ms = core.duration(setting.value)
	if not ms or ms <= 0 then
		core.fail("%s: its period is the setting %s, which is %s, not a duration above 0",
			what, setting.path, tostring(setting.value))
	end
	return ms
end

-- Runs a function each period; the first time at the start or one period after it. `changed` is
-- called with the period in ms, now and when it changes. -> the ticker
function period.ticker(what, duration, at_start, run, changed)
	local ms = value_of(what, duration)
	local ticker = core.ticker(what .. ": ", ms, at_start and 0 or ms, run)
	local function set()
		ms = value_of(what, duration)
		core.period(ticker, ms)
		if changed then
			changed(ms)
		end
	end
	local setting = period.settings[duration]
	if setting then
		table.insert(setting.followers, set)
	end
	if changed then
		changed(ms)
	end
	return ticker
end

return period
