-- agent.status: how the agent is, as `neap status --json` says it.
local core, import = ...
local check = import("check")

local function status()
	local text = core.agent_status()
	if not text then
		core.fail("agent.status: there is no running agent here")
	end
	return core.cjson.decode(text)
end

return check.closed("agent", { status = status })
