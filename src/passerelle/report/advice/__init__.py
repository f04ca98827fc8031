"""Which arm to choose: cost by volume, what each gains and loses, and how sure that is."""
