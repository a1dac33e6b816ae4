/**
 * O diagrama de espaço e tempo de uma corrida de verdade, como os de Lamport e de
 * Mattern: uma linha para cada processo, o tempo a descer, uma seta para cada
 * mensagem. Dos rastros que servidor.ts e cliente.ts deixam com `--rastro=ARQUIVO`,
 * um SVG.
 *
 * ```sh
 * deno task demo --diagrama=corrida.svg
 * deno run --allow-read --allow-write exemplos/diagrama.ts saida.svg rastro1 rastro2 …
 * ```
 *
 * Na ordem: ler os rastros e achar o par de cada mensagem, a escala do tempo, onde
 * fica cada rótulo, e o desenho.
 *
 * @module
 */

import { visivel } from "../lib/texto.ts";

// === Limites =================================================================

/** Setas de um diagrama; com mais, ninguém o lê, e ele é recusado. */
export const SETAS_MAX = 400;

/** Caracteres de uma key ou de um value num rótulo: os primeiros com que ele cabe entre duas linhas. */
const TEXTO_MAX = [14, 11, 8, 5] as const;

/** Caracteres de um tipo que este programa não conhece. */
const TIPO_MAX = 30;

/** Vezes seguidas que se abre espaço para os rótulos sem proveito; depois, fica o melhor que houve. */
const TENTATIVAS_MAX = 9;

// === O que se lê =============================================================

/** Uma linha de um rastro: uma mensagem que um processo enviou ou recebeu. */
export interface Evento {
  /** Milissegundos desde 1970, com fração, no relógio do processo. */
  readonly quando: number;
  /** O processo: o endereço de um servidor, ou `cliente PID`. */
  readonly quem: string;
  /** As duas pontas da conexão, vistas deste processo. */
  readonly local: string;
  readonly remoto: string;
  readonly sentido: "enviou" | "recebeu";
  readonly mensagem: Conteudo;
}

/** Os campos de uma mensagem, como viajaram. */
export interface Conteudo {
  readonly tipo: string;
  readonly [campo: string]: unknown;
}

/** Os eventos de um rastro; uma linha cortada, de um processo que foi morto, não conta. */
export function lerRastro(texto: string): Evento[] {
  return texto.split("\n").flatMap((linha) => {
    try {
      const evento = JSON.parse(linha) as Evento | null;
      const valido = Number.isFinite(evento?.quando) && typeof evento?.mensagem?.tipo === "string";
      return valido ? [evento!] : [];
    } catch {
      return [];
    }
  });
}

/** Uma mensagem, de um processo a outro. */
export interface Seta {
  readonly mensagem: Conteudo;
  readonly de: string;
  readonly para: string;
  /** A conexão e o sentido: `ponta de quem envia → ponta de quem recebe`. */
  readonly fio: string;
  /** Quando saiu e quando chegou; sem uma das duas, o par não está nos rastros. */
  readonly saida: number | undefined;
  readonly chegada: number | undefined;
}

/**
 * Acha o par de cada mensagem: TCP guarda a ordem, logo a k-ésima enviada numa
 * conexão é a k-ésima recebida na outra ponta. As sem par (o processo foi morto)
 * vêm também, com uma das horas por preencher.
 */
export function parear(eventos: readonly Evento[]): Seta[] {
  const donos = new Map(eventos.map(({ local, quem }) => [local, quem]));
  const dono = (ponta: string) => donos.get(ponta) ?? ponta;
  const pares: Par[] = [];
  for (const [fio, doFio] of Map.groupBy(eventos, nomeDoFio)) {
    const enviados = doFio.filter(({ sentido }) => sentido === "enviou");
    for (const recebido of doFio.filter(({ sentido }) => sentido === "recebeu")) {
      // Quase sempre o primeiro; os pulados se perderam numa conexão anterior com as mesmas pontas.
      const n = enviados.findIndex(({ mensagem }) => mesma(mensagem, recebido.mensagem));
      const pulados = enviados.splice(0, Math.max(n, 0));
      pares.push(...pulados.map((enviado) => ({ fio, enviado })));
      pares.push({ fio, enviado: n < 0 ? undefined : enviados.shift(), recebido });
    }
    pares.push(...enviados.map((enviado) => ({ fio, enviado })));
  }
  const horas = acertarRelogios(eventos, pares);
  return pares.map(({ fio, enviado, recebido }) => {
    const [origem, destino] = fio.split(" → ") as [string, string];
    return {
      fio,
      mensagem: (enviado ?? recebido!).mensagem,
      de: enviado?.quem ?? dono(origem),
      para: recebido?.quem ?? dono(destino),
      saida: enviado && horas.get(enviado),
      chegada: recebido && horas.get(recebido),
    };
  }).sort((a, b) => inicio(a) - inicio(b));
}

interface Par {
  readonly fio: string;
  readonly enviado?: Evento | undefined;
  readonly recebido?: Evento;
}

function nomeDoFio({ sentido, local, remoto }: Evento): string {
  return sentido === "enviou" ? `${local} → ${remoto}` : `${remoto} → ${local}`;
}

function mesma(a: Conteudo, b: Conteudo): boolean {
  return ["tipo", "id", "key", "timestamp"].every((campo) => a[campo] === b[campo]);
}

/** Quando uma seta começa a ser vista. */
function inicio({ saida, chegada }: Seta): number {
  return saida ?? chegada!;
}

/** Atraso mínimo de uma mensagem, em milissegundos, quando os relógios dizem que não houve nenhum. */
const VOO_MIN_MS = 0.001;

/**
 * A hora de cada evento, com a regra de Lamport: nada chega antes de sair, nem um
 * processo volta atrás. Numa máquina só quase nada muda; entre máquinas, os relógios
 * discordam, e o que aconteceu por causa de outra coisa tem de vir depois dela.
 */
function acertarRelogios(
  eventos: readonly Evento[],
  pares: readonly Par[],
): ReadonlyMap<Evento, number> {
  const horas = new Map(eventos.map((evento) => [evento, evento.quando]));
  const emOrdem = Map.groupBy(eventos.toSorted((a, b) => a.quando - b.quando), (e) => e.quem);
  const depois: { causa: Evento; efeito: Evento; ms: number }[] = [];
  for (const doProcesso of emOrdem.values()) {
    doProcesso.slice(1).forEach((efeito, n) =>
      depois.push({ causa: doProcesso[n]!, efeito, ms: 0 })
    );
  }
  for (const { enviado, recebido } of pares) {
    if (!enviado || !recebido) continue;
    depois.push({ causa: enviado, efeito: recebido, ms: VOO_MIN_MS });
  }
  // Cada volta leva um acerto uma mensagem adiante; o limite é para rastros impossíveis.
  let mudou = true;
  for (let volta = 0; mudou && volta < eventos.length; volta++) {
    mudou = false;
    for (const { causa, efeito, ms } of depois) {
      const cedo = horas.get(causa)! + ms;
      if (horas.get(efeito)! >= cedo) continue;
      horas.set(efeito, cedo);
      mudou = true;
    }
  }
  return horas;
}

// === O que se desenha ========================================================

/** Um pedaço da corrida, com o seu título: um quadro do diagrama. */
export interface Cena {
  readonly titulo: string;
  /** Milissegundos desde 1970; a cena vai até a próxima. */
  readonly quando: number;
}

/** O que {@linkcode desenhar} pode saber além dos eventos. */
export interface OpcoesDoDiagrama {
  readonly titulo?: string;
  /** Nomes para os processos, por endereço ou por `cliente PID`. */
  readonly nomes?: { readonly [quem: string]: string };
  /** Em ordem; sem elas, um quadro só. O que houve antes da primeira fica nela. */
  readonly cenas?: readonly Cena[];
  /** Mostrar PULSE e PULSE_OK (não). */
  readonly pulsos?: boolean;
}

/** As famílias de mensagens, na ordem da legenda; um tipo que não está aqui é da de entrar no grupo. */
const FAMILIAS = [
  { nome: "PUT, PUT_OK", cor: "#0969da", tipos: /^PUT(_OK)?$/ },
  { nome: "FORWARD", cor: "#b35900", tipos: /^FORWARD$/ },
  { nome: "REPLICATION, REPLICATION_OK", cor: "#8250df", tipos: /^REPLICATION(_OK)?$/ },
  { nome: "GET, GET_OK", cor: "#1a7f37", tipos: /^GET(_OK)?$/ },
  { nome: "TRY_OTHER_SERVER_OR_LATER", cor: "#d1242f", tipos: /^TRY_OTHER_SERVER_OR_LATER$/ },
  { nome: "ERRO", cor: "#a40e26", tipos: /^ERRO$/ },
  { nome: "PULSE, PULSE_OK", cor: "#8c959f", tipos: /^PULSE(_OK)?$/ },
  { nome: "entrar no grupo e ficar em dia", cor: "#57606a", tipos: /^/ },
] as const;

function familia({ tipo }: Conteudo) {
  return FAMILIAS.find(({ tipos }) => tipos.test(tipo))!;
}

/** A mensagem que este diagrama mais quer mostrar. */
const RECUSA = "TRY_OTHER_SERVER_OR_LATER";

function destacada({ tipo }: Conteudo): boolean {
  return tipo === RECUSA || tipo === "ERRO";
}

/** Em pixels. */
const LARGURA = 1000;
const MARGEM = { esquerda: 145, direita: 95, lado: 22 };
const ENTRE_LINHAS_MIN = 170;
const LETRA = 11;
const CINZA = "#59636e";

/**
 * O diagrama, num SVG de fundo branco.
 *
 * @throws {RangeError} se não há nenhuma mensagem, ou há mais que {@linkcode SETAS_MAX}.
 */
export function desenhar(eventos: readonly Evento[], opcoes: OpcoesDoDiagrama = {}): string {
  const setas = parear(eventos).filter(({ mensagem }) =>
    opcoes.pulsos || !mensagem.tipo.startsWith("PULSE")
  );
  if (setas.length === 0) throw new RangeError("Diagrama recusado: nenhuma mensagem nos rastros");
  if (setas.length > SETAS_MAX) {
    throw new RangeError(`Diagrama recusado: ${setas.length} mensagens, o limite é ${SETAS_MAX}`);
  }
  const processos = ordenarProcessos(eventos, setas);
  const largura = Math.max(
    LARGURA,
    MARGEM.esquerda + MARGEM.direita + ENTRE_LINHAS_MIN * (processos.length - 1),
  );
  const passo = (largura - MARGEM.esquerda - MARGEM.direita) / Math.max(1, processos.length - 1);
  const papel: Papel = {
    largura,
    passo,
    colunas: new Map(processos.map((quem, n) => [quem, MARGEM.esquerda + n * passo])),
    nomes: nomear(processos, acharLideres(setas), opcoes.nomes),
  };
  const partes = [cabecalho(papel, opcoes.titulo)];
  let y = opcoes.titulo === undefined ? 62 : 118;
  separar(setas, opcoes.cenas).forEach(({ titulo, doQuadro }, n) => {
    const quadro = montar(doQuadro, papel, n === 0 ? TOPO.primeiro : TOPO.outros);
    partes.push(
      `<g transform="translate(0 ${casas(y)})">${desenharQuadro(quadro, papel, titulo, n)}</g>`,
    );
    y += quadro.altura;
  });
  y = Math.ceil(y + 8);
  partes.push(legenda(setas, y));
  const altura = y + ALTURA_DA_LEGENDA;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${largura}" height="${altura}"` +
    ` viewBox="0 0 ${largura} ${altura}" font-family="Helvetica, Arial, sans-serif"` +
    ` font-size="${LETRA}" role="img">`,
    `<title>${escapar(opcoes.titulo ?? "Diagrama de espaço e tempo")}</title>`,
    `<rect width="100%" height="100%" fill="white"/>`,
    ...partes,
    "</svg>\n",
  ].join("\n");
}

/** O que é de todos os quadros. */
interface Papel {
  readonly largura: number;
  /** Pixels entre duas linhas vizinhas. */
  readonly passo: number;
  /** Onde fica a linha de cada processo. */
  readonly colunas: ReadonlyMap<string, number>;
  readonly nomes: ReadonlyMap<string, Nome>;
}

/** Um processo por extenso: `Servidor 1 (líder)`, `127.0.0.1:10097`. */
interface Nome {
  readonly nome: string;
  readonly onde: string;
}

function nomear(
  processos: readonly string[],
  lideres: ReadonlySet<string>,
  nomes: { readonly [quem: string]: string } = {},
): Map<string, Nome> {
  let clientes = 0;
  return new Map(processos.map((quem) => {
    const pid = /^cliente (\d+)$/.exec(quem)?.[1];
    const letra = () => String.fromCharCode("A".charCodeAt(0) + clientes++ % 26);
    const lider = lideres.has(quem);
    const nome = Object.hasOwn(nomes, quem)
      ? nomes[quem] + (lider ? " (líder)" : "")
      : pid !== undefined
      ? `cliente ${letra()}`
      : lider
      ? "líder"
      : "servidor";
    return [quem, { nome, onde: pid === undefined ? quem : `processo ${pid}` }];
  }));
}

/** Os líderes: quem recebe o que só a eles se manda, ou manda o que só eles mandam. */
function acharLideres(setas: readonly Seta[]): Set<string> {
  return new Set(setas.flatMap(({ mensagem: { tipo }, de, para }) => {
    if (tipo === "JOIN" || tipo === "FORWARD") return [para];
    return tipo === "LEADER" || tipo === "REPLICATION" ? [de] : [];
  }));
}

/** Processos de que se tentam todas as ordens; com mais, ficam na ordem em que apareceram. */
const PERMUTADOS_MAX = 7;

/**
 * Da esquerda para a direita, a ordem em que as setas andam menos; os clientes do
 * lado de fora, que é como se pensa neles.
 */
function ordenarProcessos(eventos: readonly Evento[], setas: readonly Seta[]): string[] {
  const processos = [
    ...new Set(eventos.toSorted((a, b) => a.quando - b.quando).map((e) => e.quem)),
  ];
  if (processos.length > PERMUTADOS_MAX) return processos;
  const custo = (ordem: readonly string[]) => {
    const servidores = ordem.flatMap((quem, n) => quem.startsWith("cliente ") ? [] : [n]);
    const espalhados = servidores.at(-1)! - servidores[0]! + 1 - servidores.length;
    return setas.reduce(
      (soma, { de, para }) => soma + Math.abs(ordem.indexOf(de) - ordem.indexOf(para)),
      servidores.length === 0 ? 0 : espalhados * 10 * setas.length,
    );
  };
  return permutacoes(processos).map((ordem) => ({ ordem, custo: custo(ordem) }))
    .reduce((a, b) => b.custo < a.custo ? b : a).ordem;
}

function permutacoes<T>(itens: readonly T[]): T[][] {
  if (itens.length === 0) return [[]];
  return itens.flatMap((item, n) =>
    permutacoes(itens.toSpliced(n, 1)).map((resto) => [item, ...resto])
  );
}

/** As setas de cada cena, pela hora em que começam; uma cena sem setas não é desenhada. */
function separar(setas: readonly Seta[], cenas: readonly Cena[] = []) {
  const todas = cenas.length > 0 ? cenas : [{ titulo: "", quando: 0 }];
  return todas.map(({ titulo, quando }, n) => ({
    titulo,
    doQuadro: setas.filter((seta) =>
      (n === 0 || inicio(seta) >= quando) && inicio(seta) < (todas[n + 1]?.quando ?? Infinity)
    ),
  })).filter(({ doQuadro }) => doQuadro.length > 0);
}

// === A escala do tempo =======================================================

/** Espera, em milissegundos, que é encolhida e marcada com um zigue-zague. */
const SALTO_MS = 30;

/** Pixels entre dois eventos: o mínimo, o que o tempo soma cada vez que dobra, e uma espera encolhida. */
const PASSO = { minimo: 8, dobro: 2, salto: 24 } as const;

/**
 * As alturas de horas em ordem crescente, a partir de zero: cada uma abaixo da
 * anterior, tanto mais quanto mais tempo passou, mas pouco numa espera comprida.
 * `folgas[n]` são pixels a mais antes da n-ésima.
 */
export function alturas(horas: readonly number[], folgas: readonly number[] = []): number[] {
  let y = 0;
  return horas.map((hora, n) => {
    if (n > 0) y += passoDe(hora - horas[n - 1]!);
    return y += folgas[n] ?? 0;
  });
}

function passoDe(ms: number): number {
  return ms >= SALTO_MS ? PASSO.salto : PASSO.minimo + PASSO.dobro * Math.log2(1 + 4 * ms);
}

// === Um quadro: onde fica cada coisa =========================================

/** Uma cena no papel, em pixels, a partir do canto de cima do quadro. */
interface Quadro {
  readonly horas: readonly number[];
  /** A altura do evento de cada hora. */
  readonly ys: readonly number[];
  readonly tracos: readonly Traco[];
  /** Os textos de cada traço. */
  readonly rotulos: readonly (readonly Texto[])[];
  readonly altura: number;
}

/** Uma seta no papel. */
interface Traco {
  readonly seta: Seta;
  readonly x1: number;
  readonly y1: number;
  readonly x2: number;
  readonly y2: number;
  /** O primeiro e o último evento; o mesmo, se lhe falta o par. */
  readonly primeiro: number;
  readonly ultimo: number;
}

/** Um texto ao longo de uma seta; uma seta pode ter dois, um de cada lado. */
interface Texto {
  readonly partes: readonly Parte[];
  readonly largura: number;
  /** O centro, e a inclinação em radianos. */
  readonly x: number;
  readonly y: number;
  readonly angulo: number;
  /** Pixels a mais acima e abaixo: os da moldura, se tem uma. */
  readonly folga: number;
  /** Pontos ao longo do seu meio. */
  readonly espinha: readonly [number, number][];
}

/** O tipo de uma mensagem, ou o que ela leva. */
interface Parte {
  readonly texto: string;
  readonly ehTipo: boolean;
}

/** Em pixels: o título e os nomes em cima de um quadro, e a folga embaixo. */
const TOPO = { primeiro: 56, outros: 74 } as const;
const FUNDO = 32;

/** Pixels que se abrem antes de um evento: de cada vez, e ao todo. */
const FOLGA = { passo: 3, max: 48 } as const;

/** O comprimento e a queda de uma seta sem par. */
const TOCO = { x: 52, y: 9 } as const;

/** Põe um quadro no papel: abre espaço entre os eventos até os rótulos não se tocarem. */
function montar(setas: readonly Seta[], papel: Papel, topo: number): Quadro {
  const pontos = setas.flatMap(({ saida, chegada }, n) => [
    { hora: saida, n, ponta: 0 },
    { hora: chegada, n, ponta: 1 },
  ]).filter(({ hora }) => hora !== undefined).sort((a, b) => a.hora! - b.hora!);
  const horas = pontos.map(({ hora }) => hora!);
  const lugar = setas.map(() => [-1, -1]);
  pontos.forEach(({ n, ponta }, k) => lugar[n]![ponta] = k);

  const folgas: number[] = horas.map(() => 0);
  let [melhor, menor]: [Quadro | undefined, number] = [undefined, Infinity];
  for (let semMelhorar = 0; semMelhorar < TENTATIVAS_MAX; semMelhorar++) {
    const ys = alturas(horas, folgas).map((y) => y + topo);
    const tracos = setas.map((seta, n) => tracar(seta, lugar[n]!, ys, papel));
    const { rotulos, toques, custo } = rotular(tracos, papel);
    if (custo < menor) {
      melhor = { horas, ys, tracos, rotulos, altura: ys.at(-1)! + FUNDO };
      [menor, semMelhorar] = [custo, 0];
      if (toques.length === 0) break;
    }
    for (const [a, b] of toques) {
      // De vez em quando, entre as pontas de baixo: duas setas que se cruzam tocam-se ali.
      const onde = semMelhorar % 3 < 2
        ? Math.max(a.primeiro, b.primeiro)
        : Math.max(a.ultimo, b.ultimo);
      folgas[onde] = Math.min(FOLGA.max, folgas[onde]! + FOLGA.passo);
    }
  }
  return melhor!;
}

function tracar(seta: Seta, lugar: readonly number[], ys: readonly number[], papel: Papel): Traco {
  const [saida, chegada] = lugar as [number, number];
  const [xDe, xPara] = [papel.colunas.get(seta.de), papel.colunas.get(seta.para)];
  const temPar = saida >= 0 && chegada >= 0;
  if (temPar) {
    const [x1, x2] = [xDe!, xPara!];
    return { seta, x1, y1: ys[saida]!, x2, y2: ys[chegada]!, primeiro: saida, ultimo: chegada };
  }
  const n = Math.max(saida, chegada);
  const x = saida >= 0 ? xDe! : xPara!;
  // Para o lado do outro processo, se está no diagrama; senão, para o meio do papel.
  const outro = (saida >= 0 ? xPara : xDe) ?? papel.largura / 2;
  const longe = x + Math.sign(outro - x || 1) * TOCO.x;
  const y = ys[n]!;
  return saida >= 0
    ? { seta, x1: x, y1: y, x2: longe, y2: y + TOCO.y, primeiro: n, ultimo: n }
    : { seta, x1: longe, y1: y - TOCO.y, x2: x, y2: y, primeiro: n, ultimo: n };
}

// --- Rótulos -----------------------------------------------------------------

/** O que um rótulo diz: o tipo; e a key, o value e o timestamp que a mensagem leva, se algum. */
function dizeres({ mensagem }: Seta, { passo }: Papel): [tipo: Parte, resto?: Parte] {
  const tipo = { texto: encurtar(mensagem.tipo, TIPO_MAX), ehTipo: true };
  for (const max of TEXTO_MAX) {
    const resto = { texto: detalhes(mensagem, max), ehTipo: false };
    if (resto.texto === "") break;
    if (max === TEXTO_MAX.at(-1) || larguraDe([resto]) <= passo - 10) return [tipo, resto];
  }
  return [tipo];
}

function detalhes(
  { tipo, key, value, timestamp, erro, definitivo }: Conteudo,
  max: number,
): string {
  const partes: string[] = [];
  if (typeof key === "string") partes.push(encurtar(key, max));
  if (typeof value === "string") partes.push("=", encurtar(value, max) || '""');
  if (value === null) partes.push("= NULL");
  if (typeof timestamp === "number") partes.push(`ts ${timestamp}`);
  if (typeof erro === "string") partes.push(encurtar(erro, 2 * max));
  if (tipo === "ERRO" && definitivo === true) partes.push("(definitivo)");
  return partes.join(" ");
}

/** O começo de um texto; os espaços, dos que não se juntam, que em SVG vários valeriam por um. */
function encurtar(texto: string, max: number): string {
  const letras = [...visivel(texto.slice(0, 4 * max).toWellFormed())];
  const inteiro = letras.length <= max && texto.length <= 4 * max;
  const curto = inteiro ? letras.join("") : letras.slice(0, max - 1).join("").trimEnd() + "…";
  return curto.replaceAll(" ", "\u00a0");
}

/** Quanto ocupa cada letra de Helvetica, em partes do seu tamanho; as de outras escritas, uma inteira. */
const LARGURAS: readonly [RegExp, number][] = [
  [/[ijlI.,:;'|!\s]/, 0.28],
  [/[frt()[\]{}"*-]/, 0.36],
  [/[mMW%@]/, 0.86],
  [/[A-Zw…]/, 0.68],
  [/[\x20-\x7e\xa0-\u02ff]/, 0.56],
  [/^/u, 1],
];

/** O espaço entre o tipo e o que vem depois, na mesma medida. */
const ENTRE_PARTES = 0.28;

/** Pixels que um texto ocupa, por alto: não há onde medi-lo. */
function larguraDe(partes: readonly Parte[]): number {
  let soma = ENTRE_PARTES * (partes.length - 1);
  for (const { texto, ehTipo } of partes) {
    for (const caractere of texto) {
      const [, emes] = LARGURAS.find(([quais]) => quais.test(caractere))!;
      soma += emes * (ehTipo ? 1.06 : 1);
    }
  }
  return soma * LETRA;
}

/** Distância do centro de um texto à sua seta, e a que dois textos, ou um texto e outra seta, se tocam. */
const AFASTAMENTO = 8.5;
const TOQUE = { texto: 12, seta: 6.5 } as const;

/** O que pesa na escolha de um lugar: tocar noutro texto, noutra seta, e atravessar a linha de um processo. */
const PESO = { texto: 100, seta: 40, linha: 8 } as const;

/** Para cada traço o melhor lugar do seu rótulo; e os pares de traços que ainda se tocam, com o seu peso. */
function rotular(tracos: readonly Traco[], papel: Papel) {
  const lugares = tracos.map((traco) => candidatos(traco, papel));
  const rotulos: (readonly Texto[])[] = tracos.map(() => []);
  let toques: [Traco, Traco][] = [];
  let custo = 0;
  // A segunda volta muda os que o lugar escolhido depois por outros tornou ruins.
  for (let volta = 0; volta < 2; volta++) {
    [toques, custo] = [[], 0];
    tracos.forEach((traco, n) => {
      let melhor = { textos: [] as readonly Texto[], total: Infinity, tocados: [] as Traco[] };
      for (const { textos, peso } of lugares[n]!) {
        if (peso >= melhor.total) continue;
        const pesos = tracos.map((outro, m) => n === m ? 0 : tocar(textos, outro, rotulos[m]!));
        const total = pesos.reduce((a, b) => a + b, peso);
        if (total >= melhor.total) continue;
        melhor = { textos, total, tocados: tracos.filter((_, m) => pesos[m]! > 0) };
      }
      rotulos[n] = melhor.textos;
      custo += melhor.total;
      toques.push(...melhor.tocados.map((outro): [Traco, Traco] => [traco, outro]));
    });
  }
  return { rotulos, toques, custo };
}

/** O peso de um rótulo tocar numa seta ou, o que é pior, no rótulo dela. */
function tocar(textos: readonly Texto[], outro: Traco, rotulo: readonly Texto[]): number {
  if (textos.some((a) => rotulo.some((b) => tocaTexto(a, b)))) return PESO.texto;
  return textos.some((texto) => tocaSeta(texto, outro)) ? PESO.seta : 0;
}

/** Um lugar possível de um rótulo. */
interface Lugar {
  readonly textos: readonly Texto[];
  readonly peso: number;
}

/** Os lugares possíveis do rótulo de um traço, do melhor ao pior. */
function candidatos(traco: Traco, papel: Papel): Lugar[] {
  const { seta } = traco;
  const partes = dizeres(seta, papel).filter((parte) => parte !== undefined);
  if (seta.saida === undefined || seta.chegada === undefined) return [naPonta(traco, partes)];
  const lugares: Lugar[] = [];
  const [tipo, resto] = partes;
  if (tipo && resto) {
    // O tipo de um lado e o resto do outro: para o que não cabe, e para o que se destaca.
    const maior = Math.max(larguraDe([tipo]), larguraDe([resto]));
    for (const { x, peso } of centros(traco, maior, papel)) {
      const textos = [aoLongo(traco, [tipo], x, -1), aoLongo(traco, [resto], x, 1)];
      lugares.push({ textos, peso: peso + 2 });
    }
  }
  if (lugares.length === 0 || seta.mensagem.tipo !== RECUSA) {
    for (const { x, peso } of centros(traco, larguraDe(partes), papel)) {
      lugares.push({ textos: [aoLongo(traco, partes, x, -1)], peso });
      lugares.push({ textos: [aoLongo(traco, partes, x, 1)], peso: peso + 1.5 });
    }
  }
  const linhas = [...papel.colunas.values()];
  const cruza = ({ x, largura }: Texto, linha: number) => Math.abs(linha - x) < largura / 2 + 4;
  return lugares.map(({ textos, peso }) => ({
    textos,
    peso: peso + PESO.linha *
        linhas.filter((linha) => textos.some((texto) => cruza(texto, linha))).length,
  })).sort((a, b) => a.peso - b.peso);
}

/** Onde centrar um texto: em cada vão que a seta atravessa, de preferência no do remetente e no meio. */
function* centros({ x1, x2 }: Traco, largura: number, { passo }: Papel) {
  const sentido = Math.sign(x2 - x1);
  const vaos = Math.max(1, Math.round(Math.abs(x2 - x1) / passo));
  const sobra = (passo - largura) / 2 - 12;
  for (let vao = 0; vao < vaos; vao++) {
    const meio = x1 + sentido * (vao + 0.5) * passo;
    yield { x: meio, peso: 2 * vao };
    if (sobra < 8) continue;
    yield { x: meio - sentido * sobra, peso: 2 * vao + 1 };
    yield { x: meio + sentido * sobra, peso: 2 * vao + 1.2 };
  }
}

/** Um texto acima (-1) ou abaixo (1) da seta, inclinado como ela. */
function aoLongo(traco: Traco, partes: readonly Parte[], meio: number, lado: -1 | 1): Texto {
  const { seta, x1, y1, x2, y2 } = traco;
  const folga = seta.mensagem.tipo === RECUSA ? 3 : 0;
  const angulo = x1 === x2 ? 0 : Math.atan((y2 - y1) / (x2 - x1));
  const longe = lado * (AFASTAMENTO + folga);
  return comEspinha({
    partes,
    largura: larguraDe(partes),
    x: meio - longe * Math.sin(angulo),
    y: y1 + (meio - x1) * Math.tan(angulo) + longe * Math.cos(angulo),
    angulo,
    folga,
  });
}

/** O texto de uma seta sem par: ao lado da ponta solta. */
function naPonta({ seta, x1, y1, x2, y2 }: Traco, partes: readonly Parte[]): Lugar {
  const largura = larguraDe(partes);
  const [x, y, fora] = seta.chegada === undefined ? [x2, y2, x2 - x1] : [x1, y1, x1 - x2];
  const meio = x + Math.sign(fora) * (largura / 2 + 7);
  return { textos: [comEspinha({ partes, largura, x: meio, y, angulo: 0, folga: 0 })], peso: 0 };
}

/** Junta a um texto os pontos ao longo do seu meio, para se saber do que está perto. */
function comEspinha(texto: Omit<Texto, "espinha">): Texto {
  const { x, y, largura, angulo } = texto;
  const quantos = Math.max(2, Math.ceil(largura / 8));
  const espinha = Array.from({ length: quantos + 1 }, (_, n): [number, number] => {
    const d = (n / quantos - 0.5) * largura;
    return [x + d * Math.cos(angulo), y + d * Math.sin(angulo)];
  });
  return { ...texto, espinha };
}

function tocaTexto(a: Texto, b: Texto): boolean {
  const perto = TOQUE.texto + a.folga + b.folga;
  const alcance = (a.largura + b.largura) / 2 + perto;
  if (Math.abs(a.x - b.x) > alcance || Math.abs(a.y - b.y) > alcance) return false;
  return a.espinha.some(([x, y]) =>
    b.espinha.some(([u, v]) => (x - u) ** 2 + (y - v) ** 2 < perto ** 2)
  );
}

function tocaSeta({ espinha, largura, y: meio, folga }: Texto, { x1, y1, x2, y2 }: Traco): boolean {
  const perto = TOQUE.seta + folga;
  const alcance = largura / 2 + perto;
  if (meio + alcance < y1 || meio - alcance > y2) return false;
  const [dx, dy] = [x2 - x1, y2 - y1];
  return espinha.some(([x, y]) => {
    const t = Math.min(1, Math.max(0, ((x - x1) * dx + (y - y1) * dy) / (dx * dx + dy * dy || 1)));
    return (x - x1 - t * dx) ** 2 + (y - y1 - t * dy) ** 2 < perto ** 2;
  });
}

// === O desenho ===============================================================

function cabecalho({ colunas, nomes }: Papel, titulo: string | undefined): string {
  const topo = titulo === undefined ? 12 : 68;
  const partes = titulo === undefined ? [] : [
    `<text x="${MARGEM.lado}" y="30" font-size="18" font-weight="bold">${escapar(titulo)}</text>`,
    `<text x="${MARGEM.lado}" y="50" font-size="12" fill="${CINZA}">O tempo desce. Cada seta é ` +
    `uma Mensagem, da hora em que saiu à hora em que chegou. À esquerda, os milissegundos de ` +
    `verdade.</text>`,
  ];
  for (const [quem, x] of colunas) {
    const { nome, onde } = nomes.get(quem)!;
    const meia = 72;
    partes.push(
      `<rect x="${casas(x - meia)}" y="${topo}" width="${casas(2 * meia)}" height="38" rx="6"` +
        ` fill="${ehCliente(quem) ? "#f6f8fa" : "#ddf4ff"}" stroke="#8c959f"/>`,
      `<text x="${casas(x)}" y="${topo + 16}" text-anchor="middle" font-size="12.5"` +
        ` font-weight="bold">${escapar(nome)}</text>`,
      `<text x="${casas(x)}" y="${topo + 31}" text-anchor="middle" fill="${CINZA}">` +
        `${escapar(onde)}</text>`,
    );
  }
  return partes.join("\n");
}

function ehCliente(quem: string): boolean {
  return quem.startsWith("cliente ");
}

function desenharQuadro(quadro: Quadro, papel: Papel, titulo: string, n: number): string {
  const topo = Math.round(quadro.ys[0]! - 22);
  const fim = quadro.altura - 14;
  const partes = titulo === "" ? [] : [
    `<path d="M${MARGEM.lado} 4H${papel.largura - MARGEM.lado}" stroke="#d1d9e0"/>`,
    `<text x="${MARGEM.lado}" y="23" font-size="14" font-weight="bold">${n + 1}. ` +
    `${escapar(titulo)}</text>`,
  ];
  for (const [quem, x] of papel.colunas) {
    partes.push(`<path d="M${casas(x)} ${topo}V${casas(fim)}" stroke="#8c959f"/>`);
    if (n === 0 || titulo === "") continue;
    partes.push(
      `<text x="${casas(x)}" y="${topo - 3}" text-anchor="middle" font-size="10"` +
        ` fill="${CINZA}">${escapar(papel.nomes.get(quem)!.nome)}</text>`,
    );
  }
  partes.push(...barras(quadro), ...regua(quadro, papel));
  partes.push(...quadro.tracos.map((traco) => desenharTraco(traco)));
  partes.push(...quadro.tracos.map(({ seta }, k) => desenharRotulo(seta, quadro.rotulos[k]!)));
  return partes.join("\n");
}

/** Uma barra sobre a linha de um servidor, do pedido que chega à resposta que sai. */
function barras({ tracos }: Quadro): string[] {
  return tracos.flatMap(({ seta: pedido, x2: x, y2: y }) => {
    const { chegada, mensagem } = pedido;
    if (chegada === undefined || /_OK$/.test(mensagem.tipo)) return [];
    const volta = pedido.fio.split(" → ").reverse().join(" → ");
    const resposta = tracos.find(({ seta }) =>
      seta.fio === volta && seta.saida !== undefined && seta.saida >= chegada &&
      responde(seta.mensagem, mensagem)
    );
    if (resposta === undefined) return [];
    return [
      `<rect class="barra" x="${casas(x - 4)}" y="${casas(y)}" width="8"` +
      ` height="${casas(resposta.y1 - y)}" fill="${familia(mensagem).cor}" fill-opacity="0.28"/>`,
    ];
  });
}

function responde(resposta: Conteudo, pedido: Conteudo): boolean {
  if (pedido.id !== undefined) return resposta.id === pedido.id;
  return resposta.tipo === "REPLICATION_OK" &&
    Number(resposta.timestamp) >= Number(pedido.timestamp);
}

/** Onde fica a régua, e o mínimo entre dois números seus. */
const REGUA = { x: 62, entre: 12 } as const;

/** Os milissegundos de cada evento, os que couberem, e as esperas encolhidas. */
function regua({ horas, ys }: Quadro, { colunas }: Papel): string[] {
  const partes = [
    `<path d="M${REGUA.x + 6} ${casas(ys[0]!)}V${casas(ys.at(-1)!)}" stroke="#8c959f"/>`,
  ];
  const escrever = (y: number, texto: string, estilo = "") =>
    `<text x="${REGUA.x}" y="${casas(y + 3.5)}" text-anchor="end" font-size="10"` +
    ` fill="${CINZA}"${estilo}>${texto}</text>`;
  let [ultimo, ultimoTexto] = [-Infinity, ""];
  horas.forEach((hora, n) => {
    const y = ys[n]!;
    const espera = n === 0 ? 0 : hora - horas[n - 1]!;
    if (espera >= SALTO_MS) {
      const meio = (y + ys[n - 1]!) / 2;
      for (const x of [REGUA.x + 6, ...colunas.values()]) partes.push(ziguezague(x, meio));
      partes.push(escrever(meio, `⋯ ${duracao(espera)}`, ` font-weight="bold"`));
      ultimo = meio;
    }
    partes.push(`<path d="M${REGUA.x + 3} ${casas(y)}h6" stroke="#8c959f"/>`);
    const texto = n === 0 ? "0 ms" : milissegundos(hora - horas[0]!);
    if (y - ultimo < REGUA.entre || texto === ultimoTexto) return;
    partes.push(escrever(y, texto));
    [ultimo, ultimoTexto] = [y, texto];
  });
  return partes;
}

/** A marca de uma espera encolhida, que interrompe uma linha. */
function ziguezague(x: number, y: number): string {
  const de = `M${casas(x)} ${casas(y - 6)}`;
  return `<path d="${de}v12" stroke="white" stroke-width="3"/>` +
    `<path d="${de}l4 2l-8 4l8 4l-4 2" fill="none" stroke="#8c959f"/>`;
}

function desenharTraco({ seta, x1, y1, x2, y2 }: Traco): string {
  const { saida, chegada, mensagem } = seta;
  const cor = familia(mensagem).cor;
  const semPar = saida === undefined || chegada === undefined;
  const forte = mensagem.tipo === RECUSA;
  const comprimento = Math.hypot(x2 - x1, y2 - y1) || 1;
  const [dx, dy] = [(x2 - x1) / comprimento, (y2 - y1) / comprimento];
  const ponta = (recuo: number, lado: number) =>
    `${casas(x2 - recuo * dx - lado * dy)} ${casas(y2 - recuo * dy + lado * dx)}`;
  const tracejado = semPar ? ` stroke-dasharray="4 3"` : "";
  const classe = `seta${semPar ? " sem-par" : ""}${forte ? " recusa" : ""}`;
  return `<g class="${classe}" fill="${cor}"><title>${escapar(porExtenso(seta))}</title>` +
    `<path d="M${casas(x1)} ${casas(y1)}L${ponta(5, 0)}" stroke="${cor}"` +
    ` stroke-width="${forte ? 2.4 : 1.3}"${tracejado}/>` +
    (saida === undefined ? "" : `<circle cx="${casas(x1)}" cy="${casas(y1)}" r="2.6"/>`) +
    `<path d="M${ponta(0, 0)}L${ponta(8, 3.4)}L${ponta(8, -3.4)}Z"/></g>`;
}

/** O que se lê com o mouse sobre a seta, num navegador; sem o token, que é segredo dos servidores. */
function porExtenso({ mensagem, saida, chegada }: Seta): string {
  const json = JSON.stringify(mensagem, (campo, valor) => campo === "token" ? "…" : valor);
  const voo = saida === undefined || chegada === undefined
    ? "sem par nos rastros"
    : duracao(chegada - saida);
  return `${json.length <= 300 ? json : json.slice(0, 300) + "…"} · ${voo}`;
}

function desenharRotulo({ mensagem }: Seta, textos: readonly Texto[]): string {
  const cor = familia(mensagem).cor;
  return textos.map(({ partes, largura, x, y, angulo }) => {
    const graus = casas(angulo * 180 / Math.PI);
    const giro = graus === "0" ? "" : ` transform="rotate(${graus} ${casas(x)} ${casas(y)})"`;
    const spans = partes.map(({ texto, ehTipo }) => {
      const peso = ehTipo || destacada(mensagem) ? "bold" : "normal";
      const fill = ehTipo || destacada(mensagem) ? cor : "#1f2328";
      return `<tspan fill="${fill}" font-weight="${peso}">${escapar(texto)}</tspan>`;
    });
    const emoldurado = mensagem.tipo === RECUSA && partes[0]!.ehTipo;
    const moldura = emoldurado
      ? `<rect x="${casas(x - largura / 2 - 1)}" y="${casas(y - 8)}"` +
        ` width="${casas(largura + 2)}" height="16" rx="4" fill="#ffebe9" stroke="${cor}"${giro}/>`
      : "";
    const halo = emoldurado
      ? ""
      : ` stroke="white" stroke-width="3.5" stroke-linejoin="round" paint-order="stroke"`;
    return `${moldura}<text x="${casas(x)}" y="${casas(y + LETRA * 0.36)}" text-anchor="middle"` +
      `${giro}${halo}>${spans.join(" ")}</text>`;
  }).join("");
}

const ALTURA_DA_LEGENDA = 92;

/** As famílias que aparecem, e o que querem dizer as barras, os tocos e os zigue-zagues. */
function legenda(setas: readonly Seta[], y: number): string {
  const partes = [
    `<path d="M${MARGEM.lado} ${y}H${LARGURA - MARGEM.lado}" stroke="#d1d9e0"/>`,
  ];
  let [x, linha] = [MARGEM.lado, y + 24];
  for (const { nome, cor } of FAMILIAS) {
    if (!setas.some(({ mensagem }) => familia(mensagem).nome === nome)) continue;
    const largura = 34 + larguraDe([{ texto: nome, ehTipo: true }]);
    if (x + largura > LARGURA - MARGEM.lado) [x, linha] = [MARGEM.lado, linha + 20];
    partes.push(
      `<path d="M${casas(x)} ${linha}h22" stroke="${cor}" stroke-width="2"/>` +
        `<path d="M${casas(x + 28)} ${linha}l-8 3.4v-6.8Z" fill="${cor}"/>` +
        `<text x="${casas(x + 34)}" y="${linha + 4}">${nome}</text>`,
    );
    x += largura + 14;
  }
  const semPar = setas.some(({ saida, chegada }) => saida === undefined || chegada === undefined);
  const explica = "Barra sobre uma linha: um pedido que esse servidor ainda não respondeu. " +
    "Zigue-zague: uma espera, encolhida; na régua, de quanto." +
    (semPar ? " Tracejada: a outra ponta não está nos rastros." : "");
  partes.push(`<text x="${MARGEM.lado}" y="${linha + 30}" fill="${CINZA}">${explica}</text>`);
  return partes.join("\n");
}

// --- Textos ------------------------------------------------------------------

/** Uma coordenada com até uma casa. */
function casas(n: number): string {
  return String(Math.round(n * 10) / 10);
}

function milissegundos(ms: number): string {
  const digitos = ms < 10 ? 2 : 1;
  return ms.toLocaleString("pt-BR", {
    minimumFractionDigits: digitos,
    maximumFractionDigits: digitos,
  });
}

function duracao(ms: number): string {
  return ms < 1000
    ? `${ms < 10 ? milissegundos(ms) : Math.round(ms)} ms`
    : `${(ms / 1000).toLocaleString("pt-BR", { maximumFractionDigits: 1 })} s`;
}

const ESCAPES: { readonly [letra: string]: string } = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Um texto qualquer como XML o aceita, com os caracteres invisíveis à vista. */
function escapar(texto: string): string {
  return visivel(texto.toWellFormed()).replace(/[\ufffe\uffff]/g, "\ufffd")
    .replace(/[&<>"']/g, (letra) => ESCAPES[letra]!);
}

if (import.meta.main) {
  const [saida, ...rastros] = Deno.args;
  if (rastros.length === 0) {
    throw new Error("uso: exemplos/diagrama.ts saida.svg rastro1 rastro2 …");
  }
  const textos = await Promise.all(rastros.map((rastro) => Deno.readTextFile(rastro)));
  await Deno.writeTextFile(saida!, desenhar(textos.flatMap(lerRastro)));
}
