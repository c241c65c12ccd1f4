-- Why a handler refused, or nil: it raised, or returned nil, "why" or false.
return function(ok, value, why)
	if not ok then
		return tostring(value)
	elseif value == false or value == nil and why ~= nil then
		return why ~= nil and tostring(why) or "the handler refused it"
	end
end
