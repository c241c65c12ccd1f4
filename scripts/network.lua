-- What goes over the network interfaces: bytes, packets and errors of both directions, and whether
-- a carrier is there. An interface that the device does not have is not reported.
--
-- The kernel counts anew when the device or the interface starts, and on some drivers begins again
-- behind 4 GB. What is reported are sums that do neither: they go on over restarts, so that the
-- server may take differences as it likes.

local cfg = params { interfaces = { "eth0", "wlan0", "wwan0", "br-lan" }, period = "5m" }

local WRAP = 2 ^ 32
local counters = { "bytes", "packets", "errors" }

policy("network", { flush = "15m", priority = "low", limit = "1MB" })

local network = asset("network", { label = "Network" })

-- By interface and counter: the sum, and what the kernel's counter was. `boot` tells counters of
-- before a restart of the device from those of now. With the power, minutes of the sums may go.
local kept = state({ sums = {}, last = {}, boot = "" }, { save = "10m" })

-- What was added to a counter since it was `last`.
local function added(now, last)
	if now >= last then
		return now - last
	elseif last < WRAP and now + WRAP - last < WRAP / 2 then
		return now + WRAP - last -- it went through the end of its 32 bits
	end
	return now -- it began anew: the driver was loaded again
end

local function sum(name, now)
	kept.sums[name] = (kept.sums[name] or 0) + added(now, kept.last[name] or 0)
	kept.last[name] = now
	return kept.sums[name]
end

local function forget_another_boot()
	local boot = file.read("/proc/sys/kernel/random/boot_id")
	if kept.boot ~= boot then
		kept.last, kept.boot = {}, boot
	end
end

local function add_interface(name)
	local folder = "/sys/class/net/" .. name .. "/"
	local variables = {
		[name .. ".carrier"] = {
			label = "Carrier on " .. name, type = "boolean", report = { heartbeat = "1h" },
		},
	}
	for _, counter in ipairs(counters) do
		local unit = counter == "bytes" and "By" or nil
		local rx, tx = name .. ".rx." .. counter, name .. ".tx." .. counter
		variables[rx] = { label = counter .. " received by " .. name, unit = unit }
		variables[tx] = { label = counter .. " sent by " .. name, unit = unit }
	end
	network:group({
		every = cfg.period, policy = "network", variables = variables,
		read = function()
			local values = {}
			if not file.exists(folder) then
				return values
			end
			forget_another_boot()
			for path in pairs(variables) do
				local way, counter = path:match("([rt]x)%.(%a+)$")
				if way then
					local text = file.read(folder .. "statistics/" .. way .. "_" .. counter)
					values[path] = sum(path, tonumber(text))
				end
			end
			-- the kernel refuses to say of an interface that is down
			values[name .. ".carrier"] = tonumber((try(file.read, folder .. "carrier"))) == 1
			return values
		end,
	})
end

for _, name in ipairs(cfg.interfaces) do
	add_interface(name)
end
