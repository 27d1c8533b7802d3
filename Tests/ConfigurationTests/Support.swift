import Configuration

/// The message of the configuration error that some code throws; nil where it throws none.
func mistake(_ body: () throws -> Void) -> String? {
    do {
        try body()
        return nil
    } catch let error as ConfigurationError {
        return error.description
    } catch {
        return "\(type(of: error)): \(error)"
    }
}
