import SystemPackage

/// Tells whoever looks at the agent's standard error.
func tell(_ text: String) {
    // Where it is closed, there is nobody to tell.
    _ = try? FileDescriptor.standardError.writeAll("swiftlet-agent: \(text)\n".utf8)
}
