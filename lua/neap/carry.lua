-- What the library's objects take along over a reload: some of their fields, which hold plain
-- values, by the object's kind and name.
local core = ...
local carry = {}

local kinds = {} -- kind -> fields, taken, objects by name

-- Objects of the kind carry these fields. taken(object), if given, is called when one got them.
function carry.kind(kind, fields, taken)
	kinds[kind] = { fields = fields, taken = taken, objects = {} }
end

-- A later object of the same name takes the place of an earlier one.
function carry.add(kind, name, object)
	kinds[kind].objects[name] = object
end

local function give()
	local all = {}
	for kind, of in pairs(kinds) do
		local values = {}
		for name, object in pairs(of.objects) do
			local fields = {}
			for _, field in ipairs(of.fields) do
				fields[field] = object[field]
			end
			values[name] = next(fields) ~= nil and fields or nil
		end
		all[kind] = values
	end
	return all
end

local function take(all)
	for kind, values in pairs(all) do
		local of = kinds[kind]
		for name, fields in pairs(values) do
			local object = of.objects[name]
			for field, value in pairs(object and fields or {}) do
				object[field] = value
			end
			if object and of.taken then
				of.taken(object)
			end
		end
	end
end

core.carry(give, take)

return carry
