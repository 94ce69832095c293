"""Drawing schedules of faults, searching them for one that breaks a property, and making it smaller."""
