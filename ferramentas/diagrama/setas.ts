/**
 * Dos rastros às setas: lê o que cada processo enviou e recebeu, acha o par de cada mensagem e
 * acerta os relógios.
 *
 * ```ts
 * import { lerRastro, parear } from "./setas.ts";
 *
 * const [local, remoto, mensagem] = ["127.0.0.1:1", "127.0.0.1:2", { tipo: "GET", id: 1 }];
 * const linhas = [
 *   { quando: 5, quem: "cliente 7", local, remoto, sentido: "enviou", mensagem },
 *   { quando: 6, quem: remoto, local: remoto, remoto: local, sentido: "recebeu", mensagem },
 * ];
 * const [seta] = parear(lerRastro(linhas.map((linha) => JSON.stringify(linha)).join("\n")));
 * if (seta?.de !== "cliente 7" || seta.chegada !== 6) throw new Error("não achou o par");
 * ```
 *
 * @module
 */

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
  const pares = acharPares(eventos);
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

/** O mesmo par a par, sem acertar relógios: para quem vai lendo rastros que crescem. */
export function acharPares(eventos: readonly Evento[]): Par[] {
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
  return pares;
}

/** Quando uma seta começa a ser vista. */
export function inicio({ saida, chegada }: Seta): number {
  return saida ?? chegada!;
}

/** O que um processo enviou e o que outro recebeu, na mesma conexão e sentido; de um só, se só há um. */
export interface Par {
  /** Como em {@linkcode Seta.fio}. */
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
