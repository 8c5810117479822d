"""English words of the closed classes, and a few that say nothing about a subject.

Prepositions, pronouns, auxiliaries and the like are few and do not change; together
with endings they tell where a noun phrase begins and stops. Common verbs are listed
because English verbs look like nouns; a verb that is missing costs a worse label, not
a wrong one. All lists are in lower case.
"""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


ARTICLES = _words("a an the")
DETERMINERS = ARTICLES | _words(
    "all another any both each either enough every few fewer her his its least less many more"
    " most much my neither no other others our own several some such that their these this those"
    " what which whose your"
)
PRONOUNS = _words(
    "anybody anyone anything everybody everyone everything he herself him himself i it itself me"
    " mine myself nobody none nothing ones ours ourselves she somebody someone something theirs"
    " them themselves they us we who whom you yours yourself"
)
PREPOSITIONS = _words(
    "about across after against along amid amidst among amongst around as at before behind"
    " beneath beside besides between beyond by concerning despite down during except following"
    " for from in including inside into like near of off on onto out outside over past per"
    " regarding since than through throughout till to toward towards under unlike until up upon"
    " versus via vs with within without"
)
CONJUNCTIONS = _words(
    "and or but nor so yet if because although though while whereas unless whether when where"
    " why how once lest"
)
AUXILIARIES = _words(
    "ain't am are aren't be been being can can't cannot could couldn't did didn't do does"
    " doesn't doing don't done had hadn't has hasn't have haven't having here's i'll i'm i've is"
    " isn't it'll it's let's may might must mustn't needn't ought shall should shouldn't that's"
    " there's they'll they're they've was wasn't we'll we're we've were weren't what's who's will"
    " won't would wouldn't you'll you're you've"
)
MODALS = _words(
    "can could may might must shall should will would cannot do does did don't doesn't didn't"
    " can't couldn't won't wouldn't shouldn't mustn't to"
)
#: Auxiliaries whose subject stands before them.
FINITE = _words(
    "is are was were has have had can could may might must shall should will would does doesn't"
    " isn't aren't can't won't"
)
ADVERBS = _words(
    "abroad again ahead almost already also always apart away back earlier else especially even"
    " ever far forward furthermore hence here however indeed instead just later longer maybe"
    " meanwhile moreover never nevertheless nonetheless not now often only otherwise perhaps"
    " quite rather really sometimes soon sooner still then there therefore thus today together"
    " tomorrow tonight too twice very well yes yesterday"
)
#: Words in -ly that are no adverbs.
LY_NOT_ADVERB = _words(
    "allies ally anomaly assembly belly bully butterfly costly daily deadly early elderly family"
    " folly friendly holy homily hourly italy jelly july kelly lively lonely lovely melancholy"
    " monopoly monthly oligopoly only orderly quarterly rally reply silly supply timely ugly"
    " weekly wily yearly"
)
NUMBERS = _words(
    "billion dozen eight eleven fifth fifty first five forty four fourth half hundred million"
    " nine one second seven six ten third thirty thousand three trillion twelve twenty two"
)
CALENDAR = _words(
    "april august autumn century day days decade decades december fall february friday january"
    " july june march monday month months november october saturday september spring summer"
    " sunday thursday tuesday wednesday week weeks year years"
)
#: Verbs that are seldom nouns, in their base form; irregular pasts stand beside them.
VERBS = _words(
    "abandon abolish absorb accelerate accept accommodate accompany accumulate accuse achieve"
    " acknowledge acquire adapt add adjust admire adopt affect afford aggravate agree alienate"
    " allege alleviate allocate allow alter amplify announce anticipate appear apply appoint"
    " appreciate argue arise ask assassinate assemble assert assess assign assist assume"
    " assure attain attempt attract avert avoid await balk bear became become began begin"
    " begun believe belong betray better blame bolster bombard born borrow bought break bring"
    " broke broken brought build built bury buy calculate came cancel carry caught cease"
    " celebrate chase choose chose chosen cite clarify cling coerce coincide collaborate"
    " collect combine come commemorate commit compare compel compensate compete compile"
    " complement complete complicate comply conceal concede conceive concentrate condemn"
    " conduct confer confirm confiscate conform confront confuse connect conquer conserve"
    " consider consist consolidate conspire constitute constrain construct consult consume"
    " contain contemplate continue contradict contribute convene converge convert convey"
    " convince cooperate coordinate cope correlate correspond corrode create cripple criticize"
    " crush cultivate curb curtail dare debunk decide decipher declare deepen defend defer"
    " define defuse defy degrade deliver delve demolish demonstrate denounce deny depend"
    " deploy deprive derive describe deserve destroy detect deter deteriorate determine"
    " devastate develop deviate devise devote die differ dilute diminish disagree disappear"
    " disappoint discard discourage discover discuss dismantle dismiss dispel disperse"
    " displace dispose disregard disrupt dissolve dissuade distinguish distort distract"
    " distribute diversify divert divide donate doom downplay draw drawn drew drink dwell earn"
    " eat elaborate elevate elicit eliminate elude embark embarrass embed embody embrace"
    " emerge emit emphasize employ empower enable enact encompass encourage endanger endorse"
    " endure enforce engage enhance enjoy enlarge enlist enrich enroll ensure entail enter"
    " entice equip eradicate erode establish evade evaluate evaporate evict evoke evolve"
    " exacerbate exaggerate examine exceed exclude execute exert exhaust exist expand expect"
    " expel expire explain explode explore expose express extend extinguish facilitate fail"
    " falter fathom feel fell felt find finish fit flee flourish fluctuate follow forbid"
    " foresee forge forget forgive formulate foster fought found fuel fulfill gain gather gave"
    " generate get give given glean go goes going gone got grapple grew grow grown guess"
    " hamper happen harass harm hasten heal hear heard held help hesitate hide hinder hire"
    " hold identify ignore illustrate imagine impair impede implement imply impose imprison"
    " improve incite include incorporate incur indicate induce infer inflict inform inherit"
    " inhibit initiate innovate insist inspect inspire install instruct integrate intend"
    " interact intercept interfere interpret intervene intimidate introduce invade invest"
    " investigate invite invoke involve irritate isolate jeopardize join justify keep kept"
    " kill knew know known lack laid lament lay learn leave led lessen let linger loosen lose"
    " lost lure made magnify maintain make manage manipulate maximize mean meant meet mention"
    " merge met minimize misinterpret misread mitigate mobilize moderate modify motivate"
    " mutate navigate neglect negotiate notice nurture obey obscure observe obtain occur"
    " offend offer omit operate oppose optimize orchestrate organize originate ought outpace"
    " outperform outweigh overcome overhaul overlook override oversee overthrow owe"
    " participate penetrate perceive perform permit persecute persist persuade pervade plummet"
    " ponder portray pose possess postpone preach precede preclude predict prefer prepare"
    " prescribe preserve preside pretend prevail prevent proceed proclaim procure produce"
    " prohibit proliferate prolong promote prompt propel prosecute prosper protect prove"
    " provide provoke punish pursue put quell raise ran reach react reaffirm realize reassess"
    " reassure rebut recede receive reclaim recognize recommend reconcile reconsider recover"
    " recreate recruit redefine redirect reduce refer refrain refuse refute regain regulate"
    " reinforce reinvent reiterate reject rekindle relate relax relinquish relocate rely"
    " remain remember remind remove renew renounce repair repel replace repress reproduce"
    " require resemble resent reshape reside resign resist resolve resonate respond restart"
    " restore restrain restrict restructure resume resurface retain retaliate rethink reunite"
    " revamp reveal revert revise revisit revive rewrite rid rose safeguard said sat save saw"
    " say scrutinize see seek seem seen select sell send sent serve settle shall shatter shed"
    " shook shrink simplify sit skew sold solidify solve soothe sought speak specify speculate"
    " spend spent spoke spread squander stabilize stagnate stay steal stifle stimulate stole"
    " stood streamline strengthen strive submit subvert succeed suffer suffice suggest"
    " summarize supersede supervise suppose suppress surpass surrender surround survive"
    " suspend sustain sway swear symbolize tackle take taken talk taught teach tell tempt tend"
    " terminate terrify thank think thought threaten threw thrive throw thwart told took"
    " topple torch transcend transform transmit treat tried try turn undergo undermine"
    " understand understood undo unify unite unleash unlock unravel unveil upend uphold upset"
    " urge utilize validate vanish vary verify violate wage wait want ward warn weaken wear"
    " weigh went wield win withdraw withstand won wonder worry worsen write written wrote"
    " yield"
)
#: Verbs whose -ing names a subject: "Rebuilding Ukraine", "Vaccinating Kids".
TELLING = _words(
    "annex automate censor colonize decarbonize deport disarm educate elect electrify"
    " evacuate insure modernize privatize rebuild reconstruct recycle rehabilitate reopen"
    " resettle rewild subsidize vaccinate"
)
#: Verbs that are as often nouns; the word before them decides.
EITHER = _words(
    "act address advance aid aim amount answer approach arm attack back balance ban benefit"
    " block boost call care cause challenge change charge claim close combat compromise"
    " concern conduct contact contest control cost count counter cover crash credit cut damage"
    " date deal debate defeat delay demand desire diagnose document doubt drive drop effect"
    " end escape estimate exchange exercise exit experience exploit export express face fall"
    " fear feed fight figure fill finance fire fix flow focus force forecast form free fuel"
    " fund grant guide hit hope host house hurt impact import increase influence interest"
    " interview judge jump label land launch lead lift limit line link list live look love"
    " mark market matter measure monitor move name need object offset open order own part pay"
    " pick place plan play plot point police practice present press process profile profit"
    " program progress project promise pull purchase push question rank rate read rebel record"
    " reform regard release report request rescue research reserve respect rest result return"
    " review reward ride rise risk rule run sacrifice sanction scale schedule score search"
    " sense set shape share shelter shift show shut sign signal slow sound spark split sponsor"
    " stand start state step stop store stress strike struggle study supply support surge"
    " surprise survey swing target tax test tie time touch track trade train transfer travel"
    " trigger trust upgrade use value veto view visit vote walk waste watch wish work worry"
)
#: Words about publishing and research itself: they name no subject, and no label has them.
RESEARCH = _words(
    "abstract analyses analysis analyst announcement appendix article author blog brief briefing"
    " bulletin chapter colleague commentary conference content dataset edition editor editorial"
    " essay evaluation evidence executive-summary expert explainer factsheet finding insight"
    " interview introduction journal lesson memo methodology multimedia newsletter note overview"
    " panel paper perspective podcast proceeding publication q&a reader recap recommendation"
    " report research researcher review scholar seminar series statement study summary survey"
    " takeaway testimony thought update video volume webinar workshop writer"
)
#: Words that need another beside them to name a subject.
VAGUE = _words(
    "ability action activity advantage alternative amount answer approach area argument"
    " aspect attempt attention benefit case cause challenge chance change choice circumstance"
    " comment comparison concept concern condition cons consequence consideration context cost"
    " decision decline demand difference difficulty direction discussion doubt effect effort"
    " element end era event example existence expansion expectation experience fact factor"
    " failure feature feeling form friend function future gap goal good group growth harm help"
    " idea impact implication importance increase initiative interest issue key keys kind"
    " knowledge lack latest level life limit link list long look lot matter meaning means"
    " measure message middle mistake moment myth name nature need number objective obstacle"
    " opportunity option order others outcome paradigm partner past path pattern people person"
    " phase place plan point position possibility potential practice presence pressure"
    " principle priority problem process progress pros prospect purpose quality question rate"
    " reality reason region relationship response result right rise risk road role rule"
    " scenario scope sense set shift side sign situation skill solution sort source stage"
    " state statement step story strategy struggle style success support symptom system task"
    " tendency term test thing tie time tip tool topic town trend trouble truth try type use"
    " value version view way while win word work world"
)
#: Where very much of what is published in English comes from: it tells little apart.
HOME = _words("u.s. us america america's american americans united states nation national nations")
#: Adjectives that weigh or place a thing rather than name it; a label does not start with one.
PALE = _words(
    "able additional alarming alleged astonishing astronomical available bad best better big"
    " bigger biggest broad capable certain changing clear common complex continuing crucial"
    " current desperate developing different difficult dramatic easy effective emerging"
    " enormous enough entire extraordinary few final fine first former full fundamental"
    " further general good great greater greatest growing hard hidden high higher highest huge"
    " immense important increasing inevitable key large larger largest last late latest least"
    " likely little looming low lower lowest main major many massive minor modern mounting"
    " necessary new newer newest next notable old older oldest ongoing only open outsized"
    " overall particular possible potential pressing previous profound promising proper"
    " proposed rapid ready real recent relevant remarkable right rising same separate serious"
    " several shifting short significant similar simple small smaller special specific"
    " staggering stark startling steep strong stronger stunning sudden sure surprising"
    " terrifying tremendous true uncertain unexpected unique unprecedented useful usual"
    " various weird whole wide wrong young"
)

#: Where "new" begins the name of a place.
AFTER_NEW = _words(
    "brunswick caledonia delhi england guinea hampshire jersey mexico orleans zealand york"
)
#: Places whose names are plurals.
PLURAL_PLACES = _words(
    "alps americas andes azores bahamas balkans baltics bermudas carpathians caucasus"
    " dolomites emirates falklands himalayas maldives netherlands philippines pyrenees rockies"
    " seychelles urals"
)
#: Adjectives that stand behind a noun as adverbs do: "a decline early in the year".
NEVER_LAST = _words("early late long")
#: Small by themselves, and the first half of many a name: "East Asia".
COMPASS = _words(
    "north south east west northern southern eastern western central southeast northeast"
)
#: Everyday nouns and adjectives: small inside a sentence, whatever a headline makes of them.
EVERYDAY = _words(
    "accident account acid addiction administration adult adviser age agency agenda agent"
    " agreement agriculture air aircraft airline airport alarm alcohol alliance ally ambition"
    " amendment anger animal anniversary apartment app appeal apple approval archive arena arm"
    " arms army arrest arsenal art artificial artist asset atomic atrocity attitude auction"
    " audience aunt author authority autonomous award baby back background bag ball band bank"
    " bar barrage barrier baseball basket battery battle beach bear beauty bed bee beer"
    " behavior belief bell belt bench bias bike bill biology bird birth black blood board boat"
    " body bomb bombing bond bone book border boss bottle bottom bowl box boy brain branch"
    " brave bread breakfast breast breath bridge bright broadband brother brush budget bug"
    " building bullet burden bus bush business butter cabinet cable cake calm camera camp"
    " campaign campus cancer candidate capability capacity capital car carbon card career"
    " cargo cartel cash castle cat category cattle ceiling cell center chain chair champion"
    " charity chart cheap chemical chest chief child children chip church cigarette circle"
    " citizen city civic civil civilian class classroom clause clean climate clinic clock"
    " cloth cloud club coach coal coalition coast code coffee coin cold collective college"
    " color column commander commercial commission commitment committee commodity"
    " communication community company competition competitor computer concert conflict"
    " congress consensus consumer consumption contractor controversy convention conventional"
    " conversation cook copper corn corner corporate corporation corps corridor corruption"
    " cotton council counsel country coup couple course court cow craft cream creature crew"
    " crime criminal crisis crop cross crowd culture currency curriculum curve custom customer"
    " cyber cybersecurity cycle dam dance danger dangerous dark data database daughter dead"
    " dealer dean death debt deep deficit degree delivery democracy democratic dense dentist"
    " department depression desert desk dessert destruction detail device diabetes dictator"
    " diet digital dilemma diplomacy diplomat disability disaster discipline discrimination"
    " disease disinformation disorder display dispute distance distress district diversity"
    " doctor dog doll dollar domain domestic door dose double draft drama dream dress drink"
    " driver drone drought drug dry dual dust duty ear early earth earthquake east economic"
    " economics economist economy ecosystem edge education educator egg election electoral"
    " electric electricity electronic elephant elite email embassy emergency emission emotion"
    " emotional emperor empire employee employer employment enemy energy engine engineer"
    " engineering enterprise entertainment entrepreneur environment epidemic equipment equity"
    " era error escalation estate ethics ethnic evening evolution exit exploitation export"
    " extreme extremism extremist eye fabric factory faculty fair faith fake false family"
    " famine fan farm farmer fashion fast father fault feast federal federation fellow"
    " feminist fence ferry fiber fiction field fighter film filter financial finger firearm"
    " firm fiscal fish fishery flag flame flash flat fleet flight flood floor flour flower fly"
    " food foot football foreign foreigner forest forever fork fossil foundation fraction"
    " fragile framework fraud freedom freight frequency fresh frontier fruit funding furniture"
    " future game garage garden gas gate gender gene general generation ghost giant gift girl"
    " glass global glory goat god gold golf government governor grain grandmother grass green"
    " grid ground guard guest gun guy habit hacker hair hall hand happiness happy harbor"
    " hardware harsh harvest hat hatred head headline health healthy heart heat heaven heavy"
    " hero hidden hill history hole holiday holy home homeland homelessness honey horizon"
    " horror horse hospital hostile hotel hotelier hour household housing huge human humanity"
    " hunger hunter hurricane husband hybrid hydrogen ice identity ideology illegal illness"
    " image imagination immigrant immigration immunity imperial import incentive incident"
    " income independence indicator individual industry inequality infection inflation"
    " information infrastructure injury inmate inner innocent innovation insect institution"
    " instruction instrument insulin insurance insurgency insurgent intelligence intention"
    " internal international internet intervention invasion invention investment investor"
    " invisible iron island jacket jail job joint joke journalist journey joy judgment"
    " judicial juice jury justice key kid killer king kitchen knee knife knowledge lab labor"
    " laboratory lady lake lamp landlord landscape language laptop laser laughter law lawmaker"
    " lawsuit lawyer layer leader leadership leaf league leather lecture leg legacy legal"
    " legislation legislature lemon lens lesson letter liability liberal liberty library"
    " license lie life light lightning lion liquor literacy literature lithium living loan"
    " lobby local location logic logistics loneliness loss loud low-income lower luck lunch"
    " luxury machine magazine magic magnetic mail majority malaria man manager mandate"
    " manufacturer manufacturing map marathon marijuana marine marriage mask mass massacre"
    " master math mayor meal meat media medical medication medicine melody member membership"
    " memory men mental mentor menu merchant mercy metal meter method middle middle-class"
    " midterm migrant migration militant military militia milk mill mind mine mineral minister"
    " ministry minority miracle mirror misinformation missile mission mixture mobile mobility"
    " model modern mom monarchy money monkey mood moon moral morale mother motion motor"
    " mountain mouse mouth movie mud multilateral murder muscle museum music mutual narrative"
    " nation national native natural nature naval navy nearby neck needle neighbor"
    " neighborhood nerve network neuron news newspaper night nightmare noise normal north nose"
    " novel nuclear nurse occupation ocean office officer official oil online opinion opioid"
    " opponent opposition oppression orange orbit orchestra organ organic organization origin"
    " outbreak outlook outrage oven overdose owner oxygen pact page pain paint pair palace"
    " pandemic paradigm paradox parcel parent parental park parliament participant partner"
    " partnership party passage passenger passion passport password pasture patent path"
    " patient patrol payment peace peaceful peasant peer pen penalty pension people pepper"
    " performance peril permit persistent personal perspective pet pharmacy philosophy phone"
    " photo phrase physical physician physics piano picture pig pilot pipe pipeline pirate"
    " plague plane planet planning plant plastic plate platform player pleasure pocket poem"
    " poet poetry poison police policy politician politics poll pollution pool poor pope"
    " popular population port portfolio portrait post postwar pot potato poverty power"
    " practical prayer predator pregnancy presentation president price pride primary prince"
    " princess principal print prison prisoner privacy private prize producer product"
    " production profession professional professor profile propaganda property prosecutor"
    " prosperity protection protein protest protocol provider province psychological"
    " psychology public punishment pupil purchase pure pursuit puzzle quantum quarter queen"
    " quest quick quiet quota race racial racism radar radiation radical radio railroad"
    " railway rain rainbow ransom ransomware rapid rare ratio rational raw reader readiness"
    " rebel rebellion receipt recession recipe recipient recovery recreation recruitment"
    " referendum refugee regime regional regulation regulator rehabilitation relation"
    " relationship relief religion remains remedy remote rent repair replacement"
    " representative republic reputation resident resignation resilience resistance resolution"
    " resource respondent responsible restaurant restraint retail retirement revenue"
    " revolution rhetoric rhythm rice rich rider rifle rigid ring riot risky ritual rival"
    " rivalry river robot robust rock rocket role roof room root rope rose route royalty"
    " rubber rumor runner rural sacred sacrifice sadness safe safety salad salary sale salt"
    " sanction sand satellite sauce scandal scar scholarship school science scientist screen"
    " sculpture sea season seat second secondary secret secretary sector secure security seed"
    " segregation self semester seminar senate senator sensor sentence sergeant servant server"
    " service session settlement sex sexual shadow sharp sheep sheet shelf shell shield ship"
    " shirt shock shoe shooter shooting shop shopping shore shortage shoulder sick siege"
    " silence silent silver singer single sister site size skin sky slave slavery sleep slow"
    " smart smartphone smoke smoking snake snow social society soft software soil solar"
    " soldier solid solidarity son song sophisticated soul soup south sovereign sovereignty"
    " soybean space speaker species spectrum speech speed sphere spirit spiritual sport spot"
    " spouse spy squad square stability stadium staff stage stake stalemate standard star"
    " stark static statistics status statute steady steel stiff stigma stimulus stock stomach"
    " stone storm straight stranger strategic strategist straw stream street strength stress"
    " strict strike string student studio submarine subsidy suburb subway sugar suicide suit"
    " summit sun superpower supplier supporter surface surgeon surgery surveillance survival"
    " survivor suspect sustainable sweater sweet swimmer sword symbol sympathy syndrome"
    " synthetic table tactic tale talent tall tank tariff taste tax taxation taxpayer tea"
    " teacher team tear technical technician technology teen teenager telephone television"
    " temperature temple tenant tennis tension tent territory terror terrorism terrorist"
    " textbook theater theft theory therapist therapy thick thin threat throat ticket tiger"
    " tight timber tiny toilet tomato tone tongue tool tooth tornado tough tourism tourist"
    " tower toxic toy tractor tradition traditional traffic tragedy trail train trainer"
    " training traitor transition translation transparent transport transportation trauma"
    " treasure treasury treatment treaty tree tribe trillion trip troop trooper tropical truck"
    " tuition tunnel turnout tutor tutoring twin uncle unemployment unequal unfair unification"
    " unified uniform union universal universe university unmanned uprising uranium urban"
    " urgent user vacation vaccination vaccine vacuum valley van vapor variable variant vast"
    " vegetable vehicle vendor venture verbal verdict vessel veteran viable victim victory"
    " village violence violent virtual virus visible vision visitor visual vital vitamin vocal"
    " voice volcano volunteer voter voting vulnerability wage wagon wall war warehouse warfare"
    " warm warming warning warrior watchdog water wave weak wealth wealthy weapon weather web"
    " wedding welfare well west wet wheat wheel whistle wicked widow wife wild wildfire"
    " willing wind window wine wing winner winter wire wisdom wise witness wolf woman women"
    " wood wooden wool worker workforce workplace workshop worm wound yard youth zone"
)

#: What people who are quoted do.
SAYING = _words(
    "add admit advise advocate argue ask assess call caution claim conclude contend describe"
    " discuss examine explain explore find look note offer outline point ponder present propose"
    " read recommend reflect remember report reveal say see share show speak state suggest talk"
    " tell think tie urge warn write"
)
#: Before an adjective that stands alone ("who is liable").
BEING = _words("be is are was were been being feel feels seem seems remain remains")
#: Nouns in -ing that come from no verb, or have left theirs behind.
NOUNS_IN_ING = _words(
    "thing spring string king ring wing swing sling housing building funding spending meeting"
)
#: What adjectives end in.
ADJECTIVAL = ("al", "ic", "ous", "ive", "ful", "less", "able", "ible", "ary", "ular", "ish")
#: What nouns of doing end in.
DEVERBAL = ("tion", "sion", "ment", "ance", "ence", "al", "ure")
#: Nouns that ask for "to" and a verb.
PLANS = _words("way effort need plan attempt ability chance failure time")
#: Verbs that take a bare verb: "help address".
HELPING = _words("help let make see watch")

#: No label begins or ends with one of these.
FUNCTION = (
    DETERMINERS | PRONOUNS | PREPOSITIONS | CONJUNCTIONS | AUXILIARIES | ADVERBS | _words("'s us")
)
#: Stay small inside a label and a title.
SMALL = ARTICLES | _words("of in on at to for from by with and or but nor as vs via per")
#: Prepositions that may join two noun phrases of one label.
JOINING = _words("of in for on and with at from to against over toward towards")
