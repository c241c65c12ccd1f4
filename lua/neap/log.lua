-- log.error, log.warn, log.info, log.debug: what is passed, as text with spaces between.
local core, import = ...
local check = import("check")

local function logger(level)
	return function(...)
		local texts = table.pack(...)
		for i = 1, texts.n do
			texts[i] = tostring(texts[i])
		end
		core.log(level, table.concat(texts, " "))
	end
end

return check.closed("log", {
	error = logger("error"),
	warn = logger("warn"),
	info = logger("info"),
	debug = logger("debug"),
})
