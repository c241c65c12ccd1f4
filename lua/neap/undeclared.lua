-- undeclared(why): in the place of what declares, in a state that is no script.
local core = ...

return function(why)
	for _, name in ipairs { "asset", "cron", "every", "on", "params", "policy", "state" } do
		_G[name] = function()
			core.fail("%s: %s", name, why)
		end
	end
end
