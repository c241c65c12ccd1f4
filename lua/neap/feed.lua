-- Events from outside that start a function of the script.
local core = ...
local feed = {}

local WAITING_MAX = 1000

-- A function that calls run(...) for each of its own calls: in order, one after the other. Those
-- that come meanwhile wait; what is too many is told and lost.
function feed.in_order(what, run)
	local queue, first, last, busy, full = {}, 1, 0, false, false
	local guard = setmetatable({}, { __close = function() busy = false end })
	return function(...)
		if last - first + 1 >= WAITING_MAX then
			if not full then
				core.log("warn", ("%s: %d events wait: more are left out"):format(what, WAITING_MAX))
			end
			full = true
			return
		end
		last = last + 1
		queue[last] = table.pack(...)
		if busy then
			return
		end
		local _ <close> = guard
		busy = true
		while first <= last do
			local event = queue[first]
			queue[first], first = nil, first + 1
			local ok, why = pcall(run, table.unpack(event, 1, event.n))
			if not ok then
				core.log("error", ("%s: %s"):format(what, tostring(why)))
			end
		end
		full = false
	end
end

-- Now, or, if the script is being loaded, when it starts.
function feed.at_start(run)
	if core.loading() then
		core.on("start", run)
	else
		run()
	end
end

return feed
