-- environment(more) -> {"NAME=value", ...}: what programs find. They give their output in the same
-- form on each device, and know no secrets of ours.
return function(more)
	local env = { LC_ALL = "C", PATH = os.getenv("PATH") or "/usr/sbin:/usr/bin:/sbin:/bin",
		HOME = os.getenv("HOME"), TZ = os.getenv("TZ") }
	for name, value in pairs(more or {}) do
		env[name] = value
	end
	local list = {}
	for name, value in pairs(env) do
		list[#list + 1] = name .. "=" .. value
	end
	return list
end
