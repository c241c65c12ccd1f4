-- What few scripts use takes memory only where it is used: these names are made when they are first
-- used, each by the file of its name.
return {
	agent = true, exec = true, gpio = true, http = true, modbus = true, rule = true, serial = true,
	state = true, tcp = true, udp = true,
}
