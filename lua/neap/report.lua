-- Reports by exception: whether a value that was read is worth sending.
local core, import = ...
local carry = import("carry")
local check = import("check")
local report = {}

carry.kind("report", { "last", "sent" })

-- window and values are not here: a window stands alone (window.lua)
local kinds = check.kinds("neap.report", {
	change = "any", heartbeat = "duration", min_gap = "duration",
})

-- "5%" -> 0.05
local function share(text)
	local number = type(text) == "string" and tonumber(text:match("^%s*([%d.]+)%s*%%$"))
	return number and number / 100
end

-- The checked rule of a variable, or nil without one.
function report.new(path, fields)
	if not fields then
		return nil
	end
	local what = "variable " .. path
	local rule = check.fields(what .. ": report", fields, kinds)
	if next(rule) == nil then
		core.fail("%s: report is empty: it needs change, heartbeat or min_gap, or window", what)
	end
	rule.share = share(rule.change)
	local absolute = type(rule.change) == "number" and rule.change >= 0
	if rule.change ~= nil and not rule.share and not absolute then
		core.fail('%s: report: change must be a number from 0, or a share of the value such as "5%%"',
			what)
	end
	carry.add("report", path, rule)
	return rule
end

local function differs(rule, value)
	local last = rule.last
	if type(value) ~= "number" or type(last) ~= "number" or rule.change == nil then
		return value ~= last
	elseif rule.share then
		return value ~= last and math.abs(value - last) >= rule.share * math.abs(last)
	end
	return math.abs(value - last) >= rule.change
end

-- Is the value to be sent? And why, in words. Half a period of slack: a heartbeat shall not wait
-- for one more read.
function report.wants(rule, value, now, period)
	if rule.sent == nil then
		return true, "the first value"
	end
	local silence = now - rule.sent
	if rule.min_gap and silence < rule.min_gap then
		return false, "min_gap is not over"
	elseif rule.heartbeat and silence + period / 2 >= rule.heartbeat then
		return true, "heartbeat"
	elseif differs(rule, value) then
		return true, "changed"
	end
	return false, "no change"
end

function report.sent(rule, value, now)
	rule.last, rule.sent = value, now
end

-- After a time without a value, the next one is news.
function report.forget(rule)
	if rule then
		rule.last, rule.sent = nil, nil
	end
end

return report
