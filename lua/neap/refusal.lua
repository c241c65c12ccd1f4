-- What a guarded call of a handler gave -> why it refused, or nil: it raised, or returned false or
-- nil, "why".
return function(ok, value, why)
	if not ok then
		return tostring(value)
	elseif value == false or value == nil and why ~= nil then
		return why ~= nil and tostring(why) or "the handler refused it"
	end
end
